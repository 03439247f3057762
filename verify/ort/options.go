//go:build cgo

package ort

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// checkOptions tells what is wrong with settings before anything is made. The errors are of kind Usage.
func checkOptions(o verify.SessionOptions) error {
	if _, err := level(o.Optimization); err != nil {
		return err
	}
	if o.Threads < 0 || o.InterOpThreads < 0 {
		return onnxpb.Errorf(onnxpb.Usage, "%d threads: the number is negative", min(o.Threads, o.InterOpThreads))
	}
	if o.Timeout < 0 {
		return onnxpb.Errorf(onnxpb.Usage, "a run cannot be given %v: the time is negative", o.Timeout)
	}
	if o.Memory < 0 {
		return onnxpb.Errorf(onnxpb.Usage, "%d bytes of memory: the number is negative", o.Memory)
	}
	return nil
}

func level(name string) (ort.GraphOptimizationLevel, error) {
	switch name {
	case "", verify.OptimizeAll:
		return ort.GraphOptimizationLevelEnableAll, nil
	case verify.OptimizeExtended:
		return ort.GraphOptimizationLevelEnableExtended, nil
	case verify.OptimizeBasic:
		return ort.GraphOptimizationLevelEnableBasic, nil
	case verify.OptimizeNone:
		return ort.GraphOptimizationLevelDisableAll, nil
	}
	return 0, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is not a level of optimisation", name), Hint: "all, extended, basic or none"}
}

// setOptions hands the settings over; folder is where external data lies, if it is not "". What is not set is left as ONNX Runtime has it.
func setOptions(to *ort.SessionOptions, o verify.SessionOptions, folder string) error {
	l, err := level(o.Optimization)
	if err != nil {
		return err
	}
	steps := []struct {
		wanted bool
		set    func() error
	}{
		{true, func() error { return to.SetGraphOptimizationLevel(l) }},
		{true, func() error { return to.SetLogSeverityLevel(ort.LoggingLevelFatal) }},
		{o.Threads > 0, func() error { return to.SetIntraOpNumThreads(o.Threads) }},
		{o.Parallel, func() error { return to.SetExecutionMode(ort.ExecutionModeParallel) }},
		{o.InterOpThreads > 0, func() error { return to.SetInterOpNumThreads(o.InterOpThreads) }},
		{o.NoSpin, func() error { return to.AddSessionConfigEntry("session.force_spinning_stop", "1") }},
		{o.Memory > 0, func() error { return limitMemory(to, o.Memory) }},
		{o.NoArena && o.Memory == 0, func() error { return to.SetCpuMemArena(false) }},
		{o.NoMemPattern, func() error { return to.SetMemPattern(false) }},
		{o.Profile != "", func() error { return profileTo(to, o.Profile) }},
		{folder != "", func() error {
			return to.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", folder)
		}},
	}
	for _, s := range steps {
		if !s.wanted {
			continue
		}
		if err := s.set(); err != nil {
			if _, own := err.(*onnxpb.Error); own {
				return err
			}
			return engineError(err)
		}
	}
	for _, p := range o.Providers {
		if err := addProvider(to, p); err != nil {
			return err
		}
	}
	return nil
}

// profileTo has a profile written. ONNX Runtime says nothing where it cannot write the file.
func profileTo(to *ort.SessionOptions, prefix string) error {
	dir := filepath.Dir(prefix)
	st, err := os.Stat(dir)
	if err == nil && !st.IsDir() {
		err = fmt.Errorf("is no directory")
	}
	if err != nil {
		return &onnxpb.Error{Kind: onnxpb.Engine, File: dir, Msg: "a profile cannot be written there", Err: err}
	}
	return to.EnableProfiling(prefix)
}

// providerNames are the providers that are asked for by the general call, as ONNX Runtime spells them there. Those with a call of their own are in appendProvider.
var providerNames = []string{"CPU", "CUDA", "TensorRT", "CoreML", "DML", "OpenVINO", "XNNPACK", "QNN", "WebGPU", "MIGraphX", "NvTensorRtRtx", "VitisAI", "SNPE", "AZURE"}

// spelling returns a provider's name as ONNX Runtime takes it; what it does not know is left as it is.
func spelling(name string) string {
	short := name
	if at := len(name) - len("ExecutionProvider"); at > 0 && strings.EqualFold(name[at:], "ExecutionProvider") {
		short = name[:at]
	}
	for _, n := range providerNames {
		if strings.EqualFold(short, n) {
			return n
		}
	}
	return name
}

// addProvider adds a provider to the settings. Where that fails the error tells the providers that the library has.
func addProvider(to *ort.SessionOptions, p verify.Provider) error {
	name := spelling(p.Name)
	err := appendProvider(to, name, p.Options)
	if err == nil {
		return nil
	}
	hint := "this library has " + strings.Join(availableProviders(), ", ")
	if isLacking(err) {
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("this ONNX Runtime has no provider %s", p.Name), Hint: hint + "; --ort-lib names another"}
	}
	e := engineError(err).(*onnxpb.Error)
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("provider %s cannot be used here", p.Name), Err: e, Hint: hint}
}

// appendWith makes the settings of a provider that has a type of its own for them.
func appendWith[T interface {
	Update(map[string]string) error
	Destroy() error
}](create func() (T, error), options map[string]string, add func(T) error) error {
	o, err := create()
	if err != nil {
		return err
	}
	defer o.Destroy()
	if len(options) > 0 {
		if err := o.Update(options); err != nil {
			return err
		}
	}
	return add(o)
}

func appendProvider(to *ort.SessionOptions, name string, options map[string]string) error {
	switch name {
	case "CUDA":
		return appendWith(ort.NewCUDAProviderOptions, options, to.AppendExecutionProviderCUDA)
	case "TensorRT":
		return appendWith(ort.NewTensorRTProviderOptions, options, to.AppendExecutionProviderTensorRT)
	case "CoreML":
		return to.AppendExecutionProviderCoreMLV2(options)
	case "OpenVINO":
		return to.AppendExecutionProviderOpenVINO(options)
	}
	return to.AppendExecutionProvider(name, options)
}

// isLacking tells by the error of adding a provider whether the library was built without it (or lacks the file of its own that it comes in).
func isLacking(err error) bool {
	msg := err.Error()
	for _, part := range []string{"Unknown provider name", "not supported in this build", "not enabled in this build", "Failed to load shared library",
		"provider is not supported", "does not support CoreML"} {
		if strings.Contains(msg, part) {
			return true
		}
	}
	return false
}

// availableProviders lists the providers that the library has. The binding does not hand on ONNX Runtime's own list: each is tried on settings that nobody
// uses.
func availableProviders() []string {
	var list []string
	for _, n := range providerNames {
		o, err := ort.NewSessionOptions()
		if err != nil {
			break
		}
		// WebGPU is given what it refuses before it looks for a device: that would take long and write to standard error.
		var options map[string]string
		if n == "WebGPU" {
			options = map[string]string{"powerPreference": "none of them"}
		}
		if err := appendProvider(o, n, options); err == nil || !isLacking(err) {
			list = append(list, n)
		}
		o.Destroy()
	}
	sort.Strings(list)
	return list
}
