package shape

import "testing"

func TestMLRules(t *testing.T) {
	const (
		v1 = `"" : 17, "ai.onnx.ml" : 1`
		v3 = `"" : 17, "ai.onnx.ml" : 3`
		v4 = `"" : 17, "ai.onnx.ml" : 4`
		v5 = `"" : 17, "ai.onnx.ml" : 5`
	)
	runTextCases(t, []textCase{
		{v3, "double[N,C] x, int64[1,K] i, double[C] v", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)\nz = ai.onnx.ml.ArrayFeatureExtractor (v, i)",
			"y: float64[N,K];z: float64[1,K]"},
		{v3, "double[N,C] x, int64[] i", "y = ai.onnx.ml.ArrayFeatureExtractor (x, i)", "y: float64[N,?]"},
		{v3, "double[N,C] x", "y = ai.onnx.ml.Binarizer (x)\nz = ai.onnx.ml.Imputer (x)\nw = ai.onnx.ml.Normalizer (x)\nv = ai.onnx.ml.Scaler (x)",
			"y: float64[N,C];z: float64[N,C];w: float32[N,C];v: float32[N,C]"},
		{v3, "map(int64, float[]) x", "a = ai.onnx.ml.CastMap (x)\nb = ai.onnx.ml.CastMap <cast_to = \"TO_INT64\"> (x)\nc = ai.onnx.ml.CastMap <cast_to = \"TO_STRING\"> (x)",
			"a: float32[...];b: int64[...];c: string[...]"},
		{v3, "map(int64, float[]) x", "a = ai.onnx.ml.CastMap <cast_to = \"x\"> (x)", "a: ?;fault: cast_to"},
		{v3, "string[N,2] x, int64[] i", "a = ai.onnx.ml.CategoryMapper (x)\nb = ai.onnx.ml.CategoryMapper (i)", "a: int64[N,2];b: string[...]"},
		{v3, "float[N,2] x", "a = ai.onnx.ml.CategoryMapper (x)", "fault: neither string nor int64"},
		{v3, "map(string, double[]) x", "a = ai.onnx.ml.DictVectorizer <string_vocabulary = [\"a\", \"b\", \"c\"]> (x)\nb = ai.onnx.ml.DictVectorizer (x)",
			"a: float64[1,3];b: float64[1,?]"},
		{v3, "float[N,2] x", "a = ai.onnx.ml.DictVectorizer (x)", "fault: not a map"},
		{v3, "float[N,2] x, float[N,C] y", "a = ai.onnx.ml.FeatureVectorizer (x, y)\nb = ai.onnx.ml.FeatureVectorizer <inputdimensions = [2, 3]> (x, y)",
			"a: float32[N,C+2];b: float32[N,5]"},
		{v3, "float[2] x, float[] y", "a = ai.onnx.ml.FeatureVectorizer (x, y)", "a: float32[1,?]"},
		{v3, "float[2,2] x, float[3,2] y", "a = ai.onnx.ml.FeatureVectorizer (x, y)", "fault: the numbers of rows"},
		// The element type follows from the attributes, or the other way round in version 1.
		{v1, "string[N] x, int64[N] i", "a = ai.onnx.ml.LabelEncoder (x)\nb = ai.onnx.ml.LabelEncoder (i)", "a: int64[N];b: string[N]"},
		{v3, "string[N] x", "a = ai.onnx.ml.LabelEncoder <values_int64s = [1]> (x)\nb = ai.onnx.ml.LabelEncoder <values_floats = [1.0]> (x)\n" +
			"c = ai.onnx.ml.LabelEncoder <values_strings = [\"a\"]> (x)\nd = ai.onnx.ml.LabelEncoder (x)",
			"a: int64[N];b: float32[N];c: string[N];d: ?[N]"},
		{v4, "string[N] x", "a = ai.onnx.ml.LabelEncoder <values_tensor = double[1] {1}> (x)", "a: float64[N]"},
		{v3, "float[N,C] x", "y, z = ai.onnx.ml.LinearClassifier <classlabels_ints = [0, 1, 2], intercepts = [0.0, 0.0, 0.0]> (x)", "y: int64[N];z: float32[N,3]"},
		{v3, "float[C] x", "y, z = ai.onnx.ml.LinearClassifier <classlabels_strings = [\"a\", \"b\"], intercepts = [0.0]> (x)", "y: string[1];z: float32[1,2]"},
		{v3, "float[N,C] x", "y, z = ai.onnx.ml.LinearClassifier <classlabels_ints = [0, 1, 2]> (x)", "y: int64[N];z: float32[N,?]"},
		{v3, "float[N,C] x", "a = ai.onnx.ml.LinearRegressor (x)\nb = ai.onnx.ml.LinearRegressor <targets = 3> (x)\nc = ai.onnx.ml.SVMRegressor (x)",
			"a: float32[N,1];b: float32[N,3];c: float32[N,1]"},
		{v3, "float[N,C] x", "a = ai.onnx.ml.LinearRegressor <targets = -3> (x)", "fault: targets is -3"},
		{v3, "float x", "a = ai.onnx.ml.LinearRegressor (x)", "fault: scalar"},
		{v3, "string[N,C] x", "a = ai.onnx.ml.OneHotEncoder <cats_strings = [\"a\", \"b\"]> (x)\nb = ai.onnx.ml.OneHotEncoder (x)", "a: float32[N,C,2];b: float32[N,C,?]"},
		{v3, "string[N,C] x", "a = ai.onnx.ml.OneHotEncoder <cats_strings = [\"a\", \"b\"], cats_int64s = [1]> (x)", "fault: both"},
		{v3, "float[N,C] x", "y, z = ai.onnx.ml.SVMClassifier <classlabels_ints = [0, 1, 2, 3], vectors_per_class = [1, 1, 1, 1]> (x)\n" +
			"a, b = ai.onnx.ml.SVMClassifier <classlabels_ints = [0, 1, 2, 3], vectors_per_class = [1, 1, 1, 1], prob_a = [1.0]> (x)",
			"y: int64[N];z: float32[N,6];a: int64[N];b: float32[N,4]"},
		{v3, "double[N,C] x", "y, z = ai.onnx.ml.TreeEnsembleClassifier <classlabels_strings = [\"a\", \"b\"]> (x)\nr = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 2> (x)",
			"y: string[N];z: float32[N,2];r: float32[N,2]"},
		{v5, "double[N,C] x", "y, z = ai.onnx.ml.TreeEnsembleClassifier <classlabels_strings = [\"a\", \"b\"]> (x)\n" +
			"r = ai.onnx.ml.TreeEnsembleRegressor (x)\ne = ai.onnx.ml.TreeEnsemble <n_targets = 2> (x)",
			"y: string[N];z: float32[N,2];r: float32[N,?];e: float64[N,2]"},
		{v3, "float[N,2] x", "z = ai.onnx.ml.ZipMap <classlabels_strings = [\"a\", \"b\"]> (x)\nl = SequenceLength (z)",
			"z: seq(map(string,float32[...])) = [N];l: int64[] = [N]"},
		{v3, "float[N,2] x", "z = ai.onnx.ml.ZipMap (x)", "z: seq(map(?,float32[...])) = [N]"},
		{v3, "float[N,3] x", "z = ai.onnx.ml.ZipMap <classlabels_int64s = [1, 2]> (x)", "z: seq(map(int64,float32[...])) = [N];fault: 3 scores in a row and 2 labels"},
	})
}
