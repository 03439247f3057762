# Writes numpy.npz and compressed.npz, arrays as NumPy itself writes them, for npy_test.go (NumPy 1.24).
import numpy as np
arrays = {}
for t in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]:
    arrays[t] = np.arange(6).reshape(2, 3).astype("<" + t)
    arrays[t + "_big"] = np.arange(6).reshape(2, 3).astype(">" + t)
arrays["fortran"] = np.asfortranarray(np.arange(24).reshape(2, 3, 4).astype("<f4"))
arrays["fortran1"] = np.asfortranarray(np.arange(3).astype("<f4"))
arrays["c8"] = np.array([1 + 2j, 3 - 4j], "<c8")
arrays["c16_big"] = np.array([1 + 2j, 3 - 4j], ">c16")
arrays["bool"] = np.array([True, False, True])
arrays["unicode"] = np.array([["a", "日本"], ["", "ÄÖÜ"]])
arrays["unicode_big"] = np.array(["x", "日本"]).astype(">U2")
arrays["bytes"] = np.array([b"ab", b"c", b""])
arrays["scalar"] = np.array(2.5, "<f8")
arrays["empty"] = np.zeros((0, 3), "<f4")
arrays["nonfinite"] = np.array([np.nan, np.inf, -np.inf, -0.0], "<f4")
arrays["void2"] = np.array([0x3F80, 0xC000], "<u2").view("V2")  # as ml_dtypes writes bfloat16: 1 and -2
arrays["void1"] = np.array([0x0F, 0xF8], "u1").view("V1")
np.savez("numpy.npz", **arrays)
np.savez_compressed("compressed.npz", x=np.arange(5000).astype("<f4"), y=np.ones((2, 2), "<i8"))
np.savez("objects.npz", objects=np.array([{}, 1], dtype=object))
np.savez("records.npz", records=np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")]))
