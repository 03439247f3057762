//go:build cgo

package ort

import (
	"fmt"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"onnxtool/onnxpb"
)

// shared is the one arena with a bound that a process can have: ONNX Runtime keeps it in its environment.
var shared struct {
	sync.Mutex
	bytes int64
}

// limitMemory has a session take its memory from an arena that all sessions share and that has a bound: that of a session by itself cannot be given one.
func limitMemory(to *ort.SessionOptions, bytes int64) error {
	shared.Lock()
	defer shared.Unlock()
	if shared.bytes != 0 && shared.bytes != bytes {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("sessions of this process are bounded to %d bytes together, and cannot be bounded to %d", shared.bytes, bytes)}
	}
	if shared.bytes == 0 {
		where, err := ort.GetMemoryInfo()
		if err != nil {
			return err
		}
		// Regions are taken as large as they are needed: those that double would reach the bound at half of what it allows.
		arena, err := ort.NewArenaCfgV2(map[string]int{"max_mem": int(bytes), "arena_extend_strategy": 1})
		if err != nil {
			return err
		}
		defer arena.Destroy()
		if err := ort.CreateAndRegisterAllocator(where, arena); err != nil {
			return err
		}
		shared.bytes = bytes
	}
	return to.AddSessionConfigEntry("session.use_env_allocators", "1")
}

// weightsWithin refuses a model whose weights alone pass a bound, if there is one: ONNX Runtime does not take them from the arena.
func weightsWithin(m *onnxpb.ModelProto, bound int64) error {
	if bound <= 0 {
		return nil
	}
	var sum int64
	for _, t := range m.GetGraph().GetInitializer() {
		if n, err := onnxpb.Count(t.GetDims()); err == nil && n < 1<<50 && sum < 1<<60 {
			sum += n * int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType()))) / 8
		}
	}
	if sum > bound {
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("the model's weights are %d bytes, more than the %d that ONNX Runtime may take", sum, bound), Hint: "raise the limit (--ort-memory)"}
	}
	return nil
}
