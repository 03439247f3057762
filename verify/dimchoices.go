package verify

import (
	"fmt"
	"maps"
	"slices"

	"onnxtool/onnxpb"
)

// DimChoices proposes numbers for the free dimensions of the inputs of two models, so that a comparison can be run at each: those that neither a model, nor a
// file, nor o.Dims gives a number to, the batch aside. Each choice is a value for Options.Dims: what o.Dims has, and a number for each of the others. There are three
// choices: 1 for all of them; 2 for all; and a prime of its own for each, 7, 11, 13, ... in the order of the inputs, so that dimensions that are taken for each other
// show. There is one, o.Dims itself, where every dimension has its number.
//
// Whether the models can be run at these numbers is not known: an image of one pixel may be too small for a network. Of the options, Map, Layouts, Parts, Only, Files, Ranges
// and Dims count. Errors are those of Models.
func DimChoices(reference, model *onnxpb.ModelProto, o Options) ([]map[string]int64, error) {
	inputs, outputs, _, err := matchAll(reference, model, o.Map, o.Only)
	if err != nil {
		return nil, err
	}
	if _, err := newLayouts(o, inputs, outputs); err != nil {
		return nil, err
	}
	given, err := readInputsWith(o.Files, inputs, o.Dims, o.Ranges)
	if err != nil {
		return nil, err
	}
	return dimChoices(inputs, o.Dims, given)
}

// dimChoices is DimChoices for matched inputs and values that were read.
func dimChoices(pairs []portPair, dims map[string]int64, given map[string]*onnxpb.Value) ([]map[string]int64, error) {
	var choices []map[string]int64
	for _, numbers := range []func(i int) int64{
		func(int) int64 { return 1 },
		func(int) int64 { return 2 },
		primeFrom7,
	} {
		c, chosen, err := numberAll(pairs, dims, given, numbers)
		if err != nil {
			return nil, err
		}
		choices = append(choices, c)
		if !chosen {
			break
		}
	}
	return choices, nil
}

// numberAll gives a number to each dimension that has none, one after the other: a number may settle others too, which the models hold to be the same.
func numberAll(pairs []portPair, dims map[string]int64, given map[string]*onnxpb.Value, number func(i int) int64) (choice map[string]int64, chosen bool, err error) {
	choice = maps.Clone(dims)
	if choice == nil {
		choice = map[string]int64{}
	}
	for i := 0; ; i++ {
		p, err := newPlan(pairs, choice, given)
		if err != nil {
			return nil, false, err
		}
		batch, err := p.natural()
		if err != nil {
			return nil, false, err
		}
		_, missing, err := p.resolve(batch)
		if err != nil || len(missing) == 0 {
			return choice, i > 0, err
		}
		choice[missing[0]] = number(i)
	}
}

// dimName is how --dims names a dimension.
func dimName(r, g port, axis int) string {
	for _, p := range []port{r, g} {
		if axis < len(p.dims) && p.dims[axis].Param != "" {
			return p.dims[axis].Param
		}
	}
	return fmt.Sprintf("%s[%d]", r.name, axis)
}

// primeFrom7 returns the primes from 7 on: 7, 11, 13, 17, ...
func primeFrom7(i int) int64 {
	primes := []int64{7}
	for n := int64(8); len(primes) <= i; n++ {
		small := n%2 == 0 || n%3 == 0 || n%5 == 0
		if !small && !slices.ContainsFunc(primes, func(p int64) bool { return n%p == 0 }) {
			primes = append(primes, n)
		}
	}
	return primes[i]
}
