package shape

import "testing"

func TestTextRules(t *testing.T) {
	const v20 = `"" : 20`
	runTextCases(t, []textCase{
		{v20, "string[N,1] a, string[3] b", "y = StringConcat (a, b)", "y: string[N,3]"},
		{v20, "string[N,2] a, string[M,1,2] b", "y = StringConcat (a, b)\nz = StringConcat (b, a)", "y: string[M,N,2];z: string[M,N,2]"},
		{v20, "string[N] a, string[M] b, string[3] c", "y = StringConcat (a, b)\nz = StringConcat (a, c)\nw = StringConcat (c, a)",
			"y: string[?];z: string[3];w: string[3]"},
		{v20, "string[0] a, string[1] b, string[N] c", "y = StringConcat (a, b)\nz = StringConcat (a, c)", "y: string[0];z: string[0]"},
		{v20, "string[2] a, string[3] b", "y = StringConcat (a, b)", "y: string[...];fault: neither equal nor 1"},
		{v20, "string[2] a, string[] b", "y = StringConcat (a, b)", "y: string[...]"},
		{v20, "string[N,2] a", "y, z = StringSplit (a)\nw = RegexFullMatch (a)", "y: string[N,2,?];z: int64[N,2];w: bool[N,2]"},
		{v20, "string[] a", "y, z = StringSplit (a)", "y: string[...];z: int64[...]"},
		{"", "string[N] a", "y = StringNormalizer (a)\nz = StringNormalizer <stopwords = [\"the\"]> (a)", "y: string[N];z: string[?]"},
		{"", "string[1,N] a, string[M,4] b", "y = StringNormalizer <stopwords = [\"a\"]> (a)\nz = StringNormalizer (b)", "y: string[1,?];z: string[1,4]"},
		{"", "string[0] a", "y = StringNormalizer (a)", "y: string[?]"}, // one empty string, says the specification
		{"", "string[2,4] a", "y = StringNormalizer (a)", "fault: have to be equal"},
		{"", "string[1,2,4] a", "y = StringNormalizer (a)", "fault: neither 1 nor 2"},
		{"", "int64[C] a, int64[N,C] b, int64[] c", "x = TfIdfVectorizer <ngram_indexes = [3, 0, 6]> (a)\n" +
			"y = TfIdfVectorizer <ngram_indexes = [3, 0, 6]> (b)\nz = TfIdfVectorizer (b)\nw = TfIdfVectorizer (c)",
			"x: float32[7];y: float32[N,7];z: float32[N,?];w: float32[...]"},
		{"", "int64[N,2,2] a", "x = TfIdfVectorizer <ngram_indexes = [3]> (a)", "fault: neither 1 nor 2"},
		{"", "int64[N] a", "x = TfIdfVectorizer <ngram_indexes = [9223372036854775807]> (a)", "x: float32[?]"},
		{"", "int64[N] a", "x = TfIdfVectorizer <ngram_indexes = [-1]> (a)", "fault: negative"},
	})
}
