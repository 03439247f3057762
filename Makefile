# make demo and make test do all the set-up that they need; a second run downloads nothing.
GO       ?= go
BIN      := bin/onnxtool
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
# The manual pages of the command-line library, which nothing here uses, would take a quarter of the program's start.
TAGS     := urfave_cli_no_docs
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

.PHONY: all setup build demo test race test-large fuzz bench lint generate clean

all: build

# setup puts ONNX Runtime's library, pinned by version and hash, under .cache/, and fetches the Go modules.
setup:
	@sh internal/setup/fetch-ort.sh
	@$(GO) mod download

build:
	@mkdir -p bin
	$(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/onnxtool

demo: setup build
	@FRONT='$(FRONT)' REAR='$(REAR)' HEAD_FLAGS='$(HEAD_FLAGS)' bash examples/dmhead/demo.sh

# With CI set a test that needs ONNX Runtime fails where it is not found, and is not skipped. The corpus tests run some thousands of models: they need more than go test's default of ten minutes on a slow machine.
test: setup
	CI=true $(GO) test -timeout 60m ./...

# What runs models in several sessions and goroutines, under the race detector.
race: setup
	CI=true $(GO) test -race -timeout 60m ./verify/...

# Models of 3 GB with external data and of 2.5 GB in one file, with the memory that each command takes. The files are mostly holes.
test-large: setup
	$(GO) test -tags large -count=1 -v -timeout 30m ./internal/large

# Every fuzz target for a bounded time: make fuzz FUZZTIME=5m for more.
fuzz:
	@GO='$(GO)' FUZZTIME='$(or $(FUZZTIME),10s)' sh internal/fuzz/run.sh

# Ratios against a plain copy of the same bytes and, where it is installed, Python's onnx, measured in the same run.
bench: build
	$(GO) run ./internal/bench/table -tool $(BIN) -dir out/bench
	$(GO) test -run '^$$' -bench . -benchtime 3x ./internal/bench

lint:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$bad" ]; then echo "gofmt would change: $$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# generate rewrites the committed generated files: the ONNX messages (needs protoc), the operator table (needs the ONNX facts), the command pages.
generate:
	$(GO) generate ./...

clean:
	rm -rf bin out
