package onnxtext

import (
	"testing"

	"onnxtool/internal/corpus"
)

// TestCorpus writes every model of ONNX's own tests as text and reads it back.
func TestCorpus(t *testing.T) {
	for _, c := range corpus.Cases(t) {
		t.Run(c.ID(), func(t *testing.T) {
			m, err := c.Open()
			if err != nil {
				t.Fatal(err)
			}
			roundTrip(t, m)
		})
	}
}
