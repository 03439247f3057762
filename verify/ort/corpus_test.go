//go:build cgo

package ort

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

var update = flag.Bool("update", false, "write the list of cases that ONNX Runtime does not reproduce anew")

// TestCorpus runs every model of ONNX's test suites on its recorded inputs and holds the outputs to the recorded ones, but for the cases listed in
// internal/corpus/testdata/ort-unsupported.txt, which must fail in the way that the list says.
func TestCorpus(t *testing.T) {
	e := testEngine(t)
	cases := corpus.Cases(t)
	failures := make([]string, len(cases))
	var wait sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := range next {
				failures[i] = failure(e, cases[i])
			}
		}()
	}
	for i := range cases {
		next <- i
	}
	close(next)
	wait.Wait()
	if *update {
		writeUnsupported(t, e, cases, failures)
		return
	}
	listed := corpus.Unsupported()
	passed := map[string]int{}
	total := map[string]int{}
	for i, c := range cases {
		total[c.Suite]++
		want, isListed := listed[c.ID()]
		switch got := failures[i]; {
		case isListed && (strings.HasPrefix(want, "random ") || strings.HasPrefix(want, "locale ")):
			// May pass by chance, or on another machine.
		case got == "" && isListed:
			t.Errorf("%s passes, but is listed as failing: %s", c.ID(), want)
		case got != "" && !isListed:
			t.Errorf("%s: %s", c.ID(), got)
		case got != "" && kindOfFailure(got) != kindOfFailure(want):
			t.Errorf("%s is listed as %q, but fails otherwise: %s", c.ID(), want, got)
		}
		if failures[i] == "" {
			passed[c.Suite]++
		}
	}
	for suite, n := range total {
		t.Logf("%s: %d of %d as recorded", suite, passed[suite], n)
	}
}

func kindOfFailure(reason string) string {
	kind, _, _ := strings.Cut(reason, " ")
	return kind
}

// failure runs a case and tells how it fails; "" where it does not.
func failure(e *Engine, c corpus.Case) string {
	m, err := c.Open()
	if err != nil {
		return "data " + err.Error()
	}
	s, err := e.Open(verify.Source{Model: m, Path: c.Model}, verify.SessionOptions{Threads: 1})
	if err != nil {
		return "refused " + err.Error()
	}
	defer s.Close()
	for _, set := range c.Sets {
		in, want, err := set.Values(m)
		if err != nil {
			return "data " + err.Error()
		}
		got, err := s.Run(in)
		if err != nil && onnxpb.KindOf(err) == onnxpb.Unfit {
			return "data " + err.Error()
		}
		if err != nil {
			return "refused " + err.Error()
		}
		for _, o := range m.Graph.Output {
			if err := corpus.Compare(got[o.GetName()], want[o.GetName()], corpus.RTol, corpus.ATol); err != nil {
				return fmt.Sprintf("differs output %s %v", o.GetName(), err)
			}
		}
	}
	return ""
}

// writeUnsupported writes the list, keeping what it says of cases that are not on this machine.
func writeUnsupported(t *testing.T, e *Engine, cases []corpus.Case, failures []string) {
	t.Helper()
	listed := corpus.Unsupported()
	for i, c := range cases {
		if strings.HasPrefix(listed[c.ID()], "random ") {
			continue
		}
		delete(listed, c.ID())
		if f := failures[i]; f != "" {
			f = strings.ReplaceAll(strings.TrimSpace(f), c.Model+": ", "")
			if strings.Contains(f, "locale") {
				f = strings.Replace(f, "refused", "locale", 1)
			}
			if r := []rune(f); len(r) > 240 {
				f = string(r[:240]) + "..."
			}
			listed[c.ID()] = f
		}
	}
	var lines []string
	for id, reason := range listed {
		lines = append(lines, id+": "+reason)
	}
	slices.Sort(lines)
	head := "# The cases of ONNX's test suites that ONNX Runtime " + e.Version() + " does not reproduce, each with the reason:\n" +
		"# refused (it does not run the model), differs (other values), data (the recorded data does not fit the model),\n" +
		"# random (the operator draws without a seed), locale (the machine must have the locale that the model names).\n" +
		"# Written by: go test ./verify/ort -run TestCorpus -update\n"
	if err := os.WriteFile("../../internal/corpus/testdata/ort-unsupported.txt", []byte(head+strings.Join(lines, "\n")+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}
