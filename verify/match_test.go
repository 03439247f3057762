package verify

import "testing"

func TestParsePair(t *testing.T) {
	for text, want := range map[string]Pair{
		"a=b": {"a", "b"}, "a==b": {"a", "b"}, "a=b==c": {"a=b", "c"}, "a==b=c": {"a", "b=c"}, `"a=b"=c`: {"a=b", "c"}, `a="b=c"`: {"a", "b=c"}, `"a=b"="c=d"`: {"a=b", "c=d"},
		`"a==b"="c\"d"`: {"a==b", `c"d`}, `"a\tb"=c`: {"a\tb", "c"}, `"odd=x`: {`"odd`, "x"}, "déjà=ß": {"déjà", "ß"},
	} {
		if got, err := ParsePair(text); err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "a", "=b", "a=", "a=b=c", "==", "a==b==c", `""=b`, `a=""`} {
		if got, err := ParsePair(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}
