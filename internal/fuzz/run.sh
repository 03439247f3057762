#!/bin/sh
# Runs every fuzz target of the project for a bounded time each (FUZZTIME, 10s by default). The corpora that go test -fuzz collects stay in Go's cache; seeds are in
# the tests and under testdata/fuzz.
set -eu
time=${FUZZTIME:-10s}
for file in $(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do
  package=$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(f \*testing\.F).*/\1/p' "$file"); do
    # Without -fuzzminimizetime the minimiser takes minutes over inputs of some kilobytes.
    log=$("${GO:-go}" test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x "$package") || {
      printf '%s\n' "$log"
      exit 1
    }
    printf '%s %s: ' "$package" "$target"
    printf '%s\n' "$log" | tail -n 1
  done
done
