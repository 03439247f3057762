#!/usr/bin/env bash
# The demonstration: two head-pose models joined into one, DMHead, by one command and again by a chain of single commands, both
# verified. FRONT and REAR name the models (a 6DRepNet and a WHENet); without them seeded stand-ins of true architecture and size are made.
# NORM is the normalisation of their inputs, HEAD_FLAGS holds further flags that tell what they give (such as --rear-order yaw,pitch,roll). SMALL=1 makes small stand-ins.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")/../.."
tool=bin/onnxtool
out=${OUT:-out/dmhead}
norm=${NORM:-imagenet}
limit=${LIMIT:-75}
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }
# timed runs onnxtool and leaves the seconds it took in $took.
timed() {
  local start=${EPOCHREALTIME:-$(date +%s)}
  "$tool" "$@"
  took=$(echo "${EPOCHREALTIME:-$(date +%s)} $start" | awk '{printf "%.2f s", $1 - $2}')
}
# run prints a command as a user would type it, runs it and tells how long it took. Reports go to a log: the demonstration is about results.
run() {
  printf '$ onnxtool %s\n' "$*"
  timed "$@" >>"$out/log.txt"
  echo "  $took"
}
# show is run for commands whose answer is the point.
show() {
  printf '$ onnxtool %s\n' "$*"
  timed "$@" >"$out/answer.txt" || { sed 's/^/  /' "$out/answer.txt"; exit 1; }
  sed 's/^/  /' "$out/answer.txt"
  echo "  $took"
}
# brief shows of a model what a user of it has to know.
brief() {
  printf '$ onnxtool info %s\n' "$1"
  "$tool" info "$1" | grep -E '^(size|opset|input|output|nodes|parameters) ' | sed 's/^/  /'
}
: >"$out/log.txt"

say "The two models"
front=${FRONT:-$out/sixdrepnet.onnx}
rear=${REAR:-$out/whenet.onnx}
if [ -z "${FRONT:-}" ] || [ -z "${REAR:-}" ]; then
  echo "stand-ins of true architecture with seeded weights; run make demo FRONT=... REAR=... for the real ones"
  go run ./examples/dmhead -out "$out" ${SMALL:+-small} -seed 1
fi
brief "$front"
brief "$rear"

say "DMHead in one command"
read -ra extra <<<"${HEAD_FLAGS:-}"
heads=(--front "$front" --rear "$rear" --front-norm "$norm" --rear-norm "$norm" ${extra[@]+"${extra[@]}"})
run dmhead "${heads[@]}" --gate select --limit "$limit" --batch N -o "$out/dmhead.onnx"
brief "$out/dmhead.onnx"

say "DMHead held to the two originals, round the circle of yaw, at batches 1, 2 and 7"
show verify "$out/dmhead.onnx" "${heads[@]}" --gate select --limit "$limit" --batch 1,2,7

if [ -z "${FRONT:-}${REAR:-}" ]; then
  say "The same as a chain of single commands, the published recipe"
  w=$out/chain
  mkdir -p "$w"
  opset=(--opset 13 --batch N)
  mean=0.485,0.456,0.406 std=0.229,0.224,0.225
  # Free the batch of both and take images of 0..1.
  run setbatch N "$front" -o "$w/six_n.onnx"
  run setinput "$w/six_n.onnx" input --mean $mean --std $std -o "$w/six_norm.onnx"
  run setbatch N "$rear" -o "$w/whenet_n.onnx"
  run setinput "$w/whenet_n.onnx" image --mean $mean --std $std -o "$w/whenet_norm.onnx"
  # The front model's rotation matrix, and the rear model's logits, to yaw, roll and pitch in degrees.
  run part euler "${opset[@]}" -o "$w/euler.onnx"
  run merge six="$w/six_norm.onnx" "$w/euler.onnx" --connect six:rotation=euler:rotation --outputs euler:pose=front_pose --same-dims N -o "$w/front.onnx"
  run part bins --count 120 "${opset[@]}" -o "$w/bins120.onnx"
  run part bins --count 66 "${opset[@]}" -o "$w/bins66.onnx"
  run op Concat --attr axis=1 --opset 13 --input yaw:float32:[N,1] --input roll:float32:[N,1] --input pitch:float32:[N,1] --output-name pose -o "$w/concat.onnx"
  run merge whenet="$w/whenet_norm.onnx" y="$w/bins120.onnx" r="$w/bins66.onnx" p="$w/bins66.onnx" "$w/concat.onnx" \
    --connect whenet:yaw=y:logits --connect whenet:roll=r:logits --connect whenet:pitch=p:logits \
    --connect y:angle=concat:yaw --connect r:angle=concat:roll --connect p:angle=concat:pitch \
    --outputs concat:pose=rear_pose --same-dims N -o "$w/rear.onnx"
  # The masks, both judged by the rear model's yaw, and their sum.
  run part front-mask --limit "$limit" --judge "${opset[@]}" -o "$w/front_mask.onnx"
  run part rear-mask --limit "$limit" --judge "${opset[@]}" -o "$w/rear_mask.onnx"
  run part reorder --from yaw,roll,pitch --order yaw "${opset[@]}" -o "$w/judge.onnx"
  run op Add --opset 13 --input a:float32:[N,3] --input b:float32:[N,3] --output-name sum -o "$w/add.onnx"
  run merge "$w/front.onnx" "$w/rear.onnx" "$w/front_mask.onnx" "$w/rear_mask.onnx" "$w/judge.onnx" "$w/add.onnx" \
    --connect front:input=rear:image --connect front:front_pose=front_mask:pose --connect rear:rear_pose=rear_mask:pose \
    --connect rear:rear_pose=judge:pose --connect judge:reordered=front_mask:judge --connect judge:reordered=rear_mask:judge \
    --connect front_mask:masked=add:a --connect rear_mask:masked=add:b --outputs add:sum --same-dims N -o "$w/joined.onnx"
  run rename "$w/joined.onnx" --output sum=yaw_roll_pitch -o "$w/dmhead.onnx"

  say "Both are the same numerically, and the chain is held to the originals too"
  show verify "$out/dmhead.onnx" "$w/dmhead.onnx" --batch 1,2,7
  show verify "$w/dmhead.onnx" "${heads[@]}" --gate select --limit "$limit" --batch 1,2,7 --front-pose front_pose --rear-pose rear_pose --require-coverage
fi

say "Real trained networks: FSA-Net 1x1 as front, FSA-Net var as rear"
shared=../shared/models
if [ -d "$shared" ]; then
  fsa=(--front "$shared/fsanet-1x1-iter-688590.onnx" --rear "$shared/fsanet-var-iter-688590.onnx" --front-order yaw,pitch,roll --rear-order yaw,pitch,roll)
  run dmhead "${fsa[@]}" --gate select --limit "$limit" --batch N -o "$out/fsanet.onnx"
  show verify "$out/fsanet.onnx" "${fsa[@]}" --gate select --limit "$limit" --batch 1,2,7 --require-coverage
else
  echo "skipped: the folder $shared with the real networks is not there"
fi

say "Sizes in bytes"
ls -l "$front" "$rear" "$out/dmhead.onnx" | awk '{print "  " $5 "  " $NF}'
