#!/bin/sh
# Runs every fuzz target of the project for a bounded time each (FUZZTIME, 10s by default). The corpora that go test -fuzz collects stay in Go's cache; seeds are in
# the tests and under testdata/fuzz.
set -eu
time=${FUZZTIME:-10s}

# Without -fuzzminimizetime the minimiser takes minutes over inputs of some kilobytes.
fuzz() { "${GO:-go}" test -run '^$' -fuzz "^$2\$" -fuzztime "$time" -fuzzminimizetime 1x "$1" 2>&1; }

# Go before 1.27 now and then takes the end of the time for a failure (golang.org/issue/75804): the target failed with that alone, and no input is to blame, which would be told and written down.
ended() {
  printf '%s\n' "$1" | grep -q '^ *context deadline exceeded$' &&
    ! printf '%s\n' "$1" | grep -vE '^(fuzz: elapsed: .*|--- FAIL: Fuzz[A-Za-z0-9]* \([0-9.]*s\)| *context deadline exceeded|FAIL|FAIL	.*|exit status 1)$' | grep -q .
}

for file in $(grep -rl --include='*_test.go' '^func Fuzz' . | sort); do
  package=$(dirname "$file")
  for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(f \*testing\.F).*/\1/p' "$file"); do
    log=$(fuzz "$package" "$target") || {
      printf '%s\n' "$log"
      ended "$log" || exit 1
      printf '%s %s: once more, as no input failed\n' "$package" "$target"
      log=$(fuzz "$package" "$target") || {
        printf '%s\n' "$log"
        exit 1
      }
    }
    printf '%s %s: ' "$package" "$target"
    printf '%s\n' "$log" | tail -n 1
  done
done
