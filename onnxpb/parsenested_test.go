package onnxpb

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestNestedElements holds nested brackets to the same elements written flat.
func TestNestedElements(t *testing.T) {
	for text, flat := range map[string]string{
		"int64:[2,2]=[[1,2],[3,4]]":                        "int64:[2,2]=1,2,3,4",
		"int64:[2,2]=[[1, 2],\n [3, 4]]":                   "int64:[2,2]=1,2,3,4",
		"float32:[2,2]=[[1.  2.]\n [3.5 -inf]]":            "float32:[2,2]=1,2,3.5,-inf",
		"float32:[1,3]=[[NaN, Infinity, -0.0]]":            "float32:[1,3]=nan,inf,-0",
		"int32:[1,1,2]=[[[5 6]]]":                          "int32:[1,1,2]=5,6",
		"int64:[2,0]=[[],[]]":                              "int64:[2,0]=",
		"int64:[2,2]=[1,2,3,4]":                            "int64:[2,2]=1,2,3,4",
		"int64:[3]=[1 2 3]":                                "int64:[3]=1,2,3",
		"int64:[]=[7]":                                     "int64:[]=7",
		"int64:[0]=[]":                                     "int64:[0]=",
		"bool:[1,2]=[[ True False]]":                       "bool:[1,2]=true,false",
		"complex64:[2,1]=[[1.+2.j] [-3.-4.j]]":             "complex64:[2,1]=1+2i,-3-4i",
		`string:[2,2]=[["a","b, c"],["\u00e9","]"]]`:       `string:[2,2]=a,"b, c",é,]`,
		`string:[2,2]=[['a' "it's"] ['q\'' 'x\\y']]`:       `string:[2,2]=a,it's,q',x\y`,
		`string:[1]=[[a`:                                   `string:[1]="[[a"`,
		"float16:[2,2]=[[1,2],[3,4]]":                      "float16:[2,2]=1,2,3,4",
		"int4:[1,2]=[[-8,7]]":                              "int4:[1,2]=-8,7",
		"uint8:[2,1]=[\n  [1],\n  [2]\n]":                  "uint8:[2,1]=1,2",
		"int64:[1,2]=[[0x10, -3]]":                         "int64:[1,2]=16,-3",
		"int64:[1,1,1,1,1,1,1,1]=[[[[[[[[9]]]]]]]]":        "int64:[1,1,1,1,1,1,1,1]=9",
		"float64:[2,3]=[[1e-3 2.E+02 3.] [ 4.  5.  6.  ]]": "float64:[2,3]=1e-3,2e2,3,4,5,6",
		"float64:[2,3]=[ [1,2,3] , [4,5,6] ]":              "float64:[2,3]=1,2,3,4,5,6",
		"int64:[2,2]=  [[1,2],[3,4]]  ":                    "int64:[2,2]=1,2,3,4",
		"float8e4m3fn:[2,1]=[[448],[-1]]":                  "float8e4m3fn:[2,1]=448,-1",
		"complex128:[1,1]=[[1+2i]]":                        "complex128:[1,1]=1+2i",
		"uint64:[1,1]=[[18446744073709551615]]":            "uint64:[1,1]=18446744073709551615",
		"string:[1,1]=[[ plain ]]":                         "string:[1,1]=plain",
		`string:[1,2]=[["\ud83d\ude00" ""]]`:               `string:[1,2]=😀,`,
		"int64:[2,1,2]=[[[1,2]],[[3,4]]]":                  "int64:[2,1,2]=1,2,3,4",
		"bfloat16:[1,2]=[[1,2]]":                           "bfloat16:[1,2]=1,2",
		"int64:[2,2]=[[1,2][3,4]]":                         "int64:[2,2]=1,2,3,4",
	} {
		a, err := ParseArray(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		b, err := ParseArray(flat)
		if err != nil {
			t.Errorf("%s: %v", flat, err)
			continue
		}
		if x, y := fmt.Sprint(a), fmt.Sprint(b); x != y {
			t.Errorf("%s is %s, want %s", text, x, y)
		}
	}
}

func TestNestedElementsRefused(t *testing.T) {
	for text, words := range map[string]string{
		"int64:[2,2]=[[1,2],[3,4,5]]":               "[1] has 3, [0] has 2",
		"int64:[2,2]=[[1,2],[3]]":                   "[1] has 1, [0] has 2",
		"int64:[2,2,2]=[[[1,2],[3,4]],[[5,6],[7]]]": "[1][1] has 1, [0][0] has 2",
		"int64:[2,2]=[[1,2],3,4]":                   "[1] is an element, where others are lists",
		"int64:[2,2]=[1,[2,3],4]":                   "[1] is a list, where others are elements",
		"int64:[2,2]=[[],[1]]":                      "[1] has 1, [0] has 0",
		"int64:[2,2]=[[],1]":                        "[1] is an element",
		"int64:[2,3]=[[1,2],[3,4],[5,6]]":           "the brackets hold [3,2], the shape is [2,3]",
		"int64:[4]=[[1,2],[3,4]]":                   "the brackets hold [2,2], the shape is [4]",
		"int64:[1]=[[1]]":                           "the brackets hold [1,1], the shape is [1]",
		"int64:[2,2]=[[1,2],[3,4]":                  "the outermost list is not closed",
		"int64:[2,2]=[[1,2],[3,4":                   "[1] is not closed",
		"int64:[2,2]=[[1,2],[3,4]]]":                "behind the last bracket",
		"int64:[2,2]=[[1,2],[3,4]] 5":               "behind the last bracket",
		"int64:[2,2]=[[1,2],[3,]]":                  "missing before the end of [1]",
		"int64:[2,2]=[[1,,2],[3,4]]":                "missing in [0]",
		"int64:[2,2]=[[,1],[3,4]]":                  "missing in [0]",
		"int64:[2,2]=[[1,2],[3,x]]":                 `"x" is no int64`,
		"int64:[2,3]=[[1 ... 2] [3 ... 4]]":         "left out",
		`string:[1,2]=[["a","b]]`:                   "no string in quotes",
		`string:[1,2]=[['a','b]]`:                   "no string in quotes",
		`string:[1,2]=[["a""b"]]`:                   "a comma or a blank is missing",
		"int64:[1,2]=[1,2":                          "not closed",
		"int64:[1]=" + strings.Repeat("[", 100):     "deep",
	} {
		_, err := ParseArray(text)
		if err == nil || !strings.Contains(err.Error(), words) || KindOf(err) != Usage {
			t.Errorf("%s: %v, want %q", text, err, words)
		}
	}
}

// TestNestedElementsOfAnyShape writes arrays as encoding/json and as NumPy do, and wants the elements back in row-major order.
func TestNestedElementsOfAnyShape(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		dims := make([]int64, 1+r.IntN(5))
		for i := range dims {
			dims[i] = 1 + int64(r.IntN(3))
		}
		var want []int64
		var nested func(depth int) any
		nested = func(depth int) any {
			if depth == len(dims) {
				want = append(want, int64(r.IntN(2000)-1000))
				return want[len(want)-1]
			}
			var list []any
			for range dims[depth] {
				list = append(list, nested(depth+1))
			}
			return list
		}
		list := nested(0)
		asJSON, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{string(asJSON), fmt.Sprint(list), strings.ReplaceAll(fmt.Sprint(list), "] [", "]\n\n [")} {
			a, err := ParseElements(TensorProto_INT64, dims, text)
			if err != nil {
				t.Fatalf("%v: %s: %v", dims, text, err)
			}
			if !slices.Equal(a.Data.([]int64), want) || !slices.Equal(a.Dims, dims) {
				t.Fatalf("%s is %v, want %v", text, a.Data, want)
			}
		}
	}
}
