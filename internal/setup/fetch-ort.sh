#!/bin/sh
# Fetches ONNX Runtime's shared library for this machine into the project's cache:
#
#   .cache/onnxruntime/VERSION/PLATFORM/libonnxruntime.so.1    (libonnxruntime.1.dylib, onnxruntime.dll)
#
# It comes out of the npm package onnxruntime-node, pinned by version and by the hash of the package. No script of the package is run, only the one
# file is kept, and nothing outside the cache is changed. If the file is there already, nothing is done.
#
# ONNXTOOL_CACHE names another directory in place of .cache.
set -eu

package=onnxruntime-node
version=1.27.0
integrity=sha512-QEzGwrvNBgv4uPVdnbHsOGG4G6T96mdlcFI8aAKPjMU8wOPpVocPXb6k3QGkaZagVTv2G9Bnnbo6Z3JdXr1fQw==

fail() {
	echo "fetch-ort: $1" >&2
	exit 1
}

root=$(cd "$(dirname "$0")/../.." && pwd)
cache=${ONNXTOOL_CACHE:-$root/.cache}

case $(uname -s) in
Linux) os=linux file=libonnxruntime.so.1 ;;
Darwin) os=darwin file=libonnxruntime.1.dylib ;;
MINGW* | MSYS* | CYGWIN*) os=win32 file=onnxruntime.dll ;;
*) fail "there is no ONNX Runtime for $(uname -s) in $package: build or install one and name it with ONNXRUNTIME_LIB" ;;
esac
case $(uname -m) in
x86_64 | amd64) arch=x64 ;;
aarch64 | arm64) arch=arm64 ;;
*) fail "there is no ONNX Runtime for $(uname -m) in $package: build or install one and name it with ONNXRUNTIME_LIB" ;;
esac

dir=$cache/onnxruntime/$version/$os-$arch
if [ -f "$dir/$file" ]; then
	exit 0
fi
for tool in npm node tar; do
	command -v "$tool" >/dev/null 2>&1 || fail "$tool is missing. It is needed to fetch ONNX Runtime $version: install Node.js with npm, or name a library that you have with ONNXRUNTIME_LIB (Python's onnxruntime package brings one)"
done

mkdir -p "$dir"
tmp=$(mktemp -d "$cache/onnxruntime/.fetching-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

echo "fetching ONNX Runtime $version for $os-$arch (npm package $package)" >&2
# npm's own cache and logs go into the temporary directory, too.
(cd "$tmp" && npm pack "$package@$version" --ignore-scripts --silent --cache "$tmp/npm" --no-update-notifier >/dev/null) ||
	fail "npm could not fetch $package@$version: check the network and npm's settings (npm config get registry), then run it again"
tarball=$tmp/$package-$version.tgz
[ -f "$tarball" ] || fail "npm did not write $package-$version.tgz"

# The hash is computed here, whatever npm has checked.
node -e '
const [file, want] = process.argv.slice(1);
const hash = require("crypto").createHash("sha512");
require("fs").createReadStream(file).on("data", d => hash.update(d)).on("end", () => {
	const got = "sha512-" + hash.digest("base64");
	if (got !== want) {
		console.error("fetch-ort: the hash of the package is " + got + ", want " + want);
		process.exit(1);
	}
});' "$tarball" "$integrity" || fail "the package $package@$version is not the one that was pinned: nothing was installed"

member=package/bin/napi-v6/$os/$arch/$file
tar -xzf "$tarball" -C "$tmp" "$member" || fail "the package has no $member: ONNX Runtime $version is not made for $os-$arch"
mv "$tmp/$member" "$dir/$file"
echo "$dir/$file" >&2
