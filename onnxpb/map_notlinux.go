//go:build !linux

package onnxpb

func adviseSoon([]byte) error { return nil }
