package shape

import (
	"slices"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

// The operators of ai.onnx.ml take features as [N,C], or as [C], which is a batch of one. Where the specification leaves open what comes of [C], the shape is
// what ONNX Runtime makes of it.
func mlRules() ruleSet {
	return ruleSet{
		"ArrayFeatureExtractor": arrayFeatureExtractor, "Binarizer": sameShape, "CastMap": castMap, "CategoryMapper": categoryMapper, "DictVectorizer": dictVectorizer,
		"FeatureVectorizer": featureVectorizer, "Imputer": sameShape, "LabelEncoder": labelEncoder, "LinearClassifier": linearClassifier,
		"LinearRegressor": regressor("targets", 1), "Normalizer": sameShape, "OneHotEncoder": oneHotEncoder, "Scaler": sameShape, "SVMClassifier": svmClassifier,
		"SVMRegressor": svmRegressor, "TreeEnsemble": regressor("n_targets", 0), "TreeEnsembleClassifier": treeEnsembleClassifier,
		"TreeEnsembleRegressor": regressor("n_targets", 0), "ZipMap": zipMap,
	}
}

// batch returns how many rows of features an input has; false where that is not known.
func (c *call) batch(i int) (Dim, bool) {
	dims, ok := c.dims(i)
	switch {
	case !ok:
		return Dim{}, false
	case len(dims) == 0:
		c.fault("input %d is a scalar, which has no features", i)
		return Dim{}, false
	case len(dims) == 1:
		return expr.Int(1), true
	}
	return dims[0], true
}

// counts returns the number of elements that an attribute lists.
func (c *call) counts(name string) int {
	a := c.attr(name)
	return max(len(a.GetInts()), len(a.GetFloats()), len(a.GetStrings()))
}

// labels returns the number of labels of a classifier and their type, which becomes that of the first output; 0 where there are none.
func (c *call) labels(strings, ints string) int {
	if n := len(c.attr(strings).GetStrings()); n > 0 {
		c.setElem(0, onnxpb.TensorProto_STRING)
		return n
	}
	c.setElem(0, onnxpb.TensorProto_INT64)
	return len(c.attr(ints).GetInts())
}

// scored gives a classifier's outputs their shapes: a label for each row, and a number of scores, which is not known where it is 0.
func (c *call) scored(scores int) {
	if c.outElem(1) == onnxpb.TensorProto_UNDEFINED {
		c.setElem(1, onnxpb.TensorProto_FLOAT) // the versions that are deprecated have no signature
	}
	n, ok := c.batch(0)
	if !ok {
		return
	}
	c.setDims(0, []Dim{n})
	c.setDims(1, []Dim{n, atLeastOne(int64(scores))})
}

// atLeastOne returns a number as a dimension, unknown where it is not one that a dimension has.
func atLeastOne(n int64) Dim {
	if n < 1 {
		return Dim{}
	}
	return expr.Int(n)
}

func arrayFeatureExtractor(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	if len(dims) == 0 {
		c.fault("a scalar has no features")
		return
	}
	width := Dim{}
	if indices, ok := c.dims(1); ok {
		width = product(indices)
	}
	if len(dims) == 1 {
		c.setDims(0, []Dim{expr.Int(1), width})
		return
	}
	c.setDims(0, append(slices.Clone(dims[:len(dims)-1]), width))
}

// castMap leaves the rank open: the specification says 1, ONNX Runtime makes it 2.
func castMap(c *call) {
	switch to := c.attrStr("cast_to", "TO_FLOAT"); to {
	case "TO_FLOAT":
		c.setElem(0, onnxpb.TensorProto_FLOAT)
	case "TO_INT64":
		c.setElem(0, onnxpb.TensorProto_INT64)
	case "TO_STRING":
		c.setElem(0, onnxpb.TensorProto_STRING)
	default:
		c.fault("cast_to is %q, none of TO_FLOAT, TO_INT64 and TO_STRING", to)
	}
}

func categoryMapper(c *call) {
	switch t := c.elemOf(0); t {
	case onnxpb.TensorProto_STRING:
		c.setElem(0, onnxpb.TensorProto_INT64)
	case onnxpb.TensorProto_INT64:
		c.setElem(0, onnxpb.TensorProto_STRING)
	case onnxpb.TensorProto_UNDEFINED:
	default:
		c.fault("the input is of type %s, neither string nor int64", onnxpb.TypeName(t))
	}
	sameShape(c)
}

func dictVectorizer(c *call) {
	v := c.input(0)
	switch {
	case v == nil || v.Kind == Unknown:
	case v.Kind != Map:
		c.fault("the input is %s, not a map", article(v))
		return
	case v.Of != nil && v.Of.Kind == Tensor && v.Of.Elem != onnxpb.TensorProto_UNDEFINED:
		c.setElem(0, v.Of.Elem)
	}
	words, numbers := c.counts("string_vocabulary"), c.counts("int64_vocabulary")
	if words > 0 && numbers > 0 { // the one that the keys need
		switch {
		case v == nil || v.Key == onnxpb.TensorProto_UNDEFINED:
			words = 0
			numbers = 0
		case v.Key == onnxpb.TensorProto_STRING:
			numbers = 0
		default:
			words = 0
		}
	}
	c.setDims(0, []Dim{expr.Int(1), atLeastOne(int64(max(words, numbers)))})
}

func featureVectorizer(c *call) {
	n, width := Dim{}, expr.Int(0)
	known := true
	for i := range c.in {
		dims, ok := c.dims(i)
		if !ok {
			known = false
			continue
		}
		rows, ok := c.batch(i)
		if !ok {
			return
		}
		n = c.unify(n, rows, "the numbers of rows")
		width = width.Add(product(dims[min(1, len(dims)-1):]))
	}
	if sizes, ok := c.attrInts("inputdimensions"); ok && len(sizes) > 0 {
		width, known = expr.Int(0), true
		for _, s := range sizes {
			if s < 0 {
				c.fault("inputdimensions has %d", s)
				return
			}
			width = width.Add(expr.Int(s))
		}
	}
	if !known {
		width = Dim{}
	}
	c.setDims(0, []Dim{n, width})
}

func labelEncoder(c *call) {
	elem := onnxpb.TensorProto_UNDEFINED
	switch {
	case c.since() == 1:
		switch c.elemOf(0) {
		case onnxpb.TensorProto_STRING:
			elem = onnxpb.TensorProto_INT64
		case onnxpb.TensorProto_INT64:
			elem = onnxpb.TensorProto_STRING
		}
	case c.attr("values_tensor").GetT() != nil:
		elem = onnxpb.TensorProto_DataType(c.attr("values_tensor").GetT().GetDataType())
	case c.counts("values_strings") > 0:
		elem = onnxpb.TensorProto_STRING
	case c.counts("values_int64s") > 0:
		elem = onnxpb.TensorProto_INT64
	case c.counts("values_floats") > 0:
		elem = onnxpb.TensorProto_FLOAT
	}
	if elem != onnxpb.TensorProto_UNDEFINED {
		c.setElem(0, elem)
	}
	sameShape(c)
}

func linearClassifier(c *call) {
	labels, scores := c.labels("classlabels_strings", "classlabels_ints"), c.counts("intercepts")
	if scores == 1 && labels == 2 {
		scores = 2
	}
	c.scored(scores)
}

// svmClassifier has a score for each class where there are probabilities or the model is linear, and one for each pair of classes otherwise.
func svmClassifier(c *call) {
	labels := c.labels("classlabels_strings", "classlabels_ints")
	scores := labels
	vectors := int64(0)
	list, _ := c.attrInts("vectors_per_class")
	for _, n := range list {
		vectors = max(vectors, n)
	}
	if vectors > 0 && c.counts("prob_a") == 0 {
		switch {
		case labels > 1<<16: // their pairs are more than anybody has scores for
			scores = 0
		case labels > 2:
			scores = labels * (labels - 1) / 2
		case labels > 0:
			scores = 2
		}
	}
	c.scored(scores)
}

func treeEnsembleClassifier(c *call) {
	c.scored(c.labels("classlabels_strings", "classlabels_int64s"))
}

// regressor is one whose attribute tells the number of targets; without it that is the default, where it is not 0.
func regressor(attr string, def int64) rule {
	return func(c *call) {
		if c.outElem(0) == onnxpb.TensorProto_UNDEFINED && c.n.GetOpType() == "TreeEnsembleRegressor" {
			c.setElem(0, onnxpb.TensorProto_FLOAT) // the version that is deprecated has no signature
		}
		n, ok := c.batch(0)
		if !ok {
			return
		}
		targets := c.attrInt(attr, def)
		if targets < 0 {
			c.fault("%s is %d", attr, targets)
		}
		c.setDims(0, []Dim{n, atLeastOne(targets)})
	}
}

func svmRegressor(c *call) {
	if n, ok := c.batch(0); ok {
		c.setDims(0, []Dim{n, expr.Int(1)})
	}
}

func oneHotEncoder(c *call) {
	dims, ok := c.dims(0)
	if !ok {
		return
	}
	numbers, words := c.counts("cats_int64s"), c.counts("cats_strings")
	if numbers > 0 && words > 0 {
		c.fault("both cats_int64s and cats_strings are given")
		numbers, words = 0, 0
	}
	c.setDims(0, append(slices.Clone(dims), atLeastOne(int64(max(numbers, words)))))
}

func zipMap(c *call) {
	words, numbers := c.counts("classlabels_strings"), c.counts("classlabels_int64s")
	key := onnxpb.TensorProto_UNDEFINED
	switch {
	case words > 0 && numbers == 0:
		key = onnxpb.TensorProto_STRING
	case numbers > 0 && words == 0:
		key = onnxpb.TensorProto_INT64
	}
	count := Dim{}
	if dims, ok := c.dims(0); ok && len(dims) > 0 {
		labels := expr.Int(int64(max(words, numbers)))
		if d := dims[len(dims)-1].Sub(labels); key != onnxpb.TensorProto_UNDEFINED && (d.AtLeast(1) || d.AtMost(-1)) {
			c.fault("there are %s scores in a row and %s labels", formatDim(dims[len(dims)-1]), formatDim(labels))
		}
		count, _ = c.batch(0)
	}
	c.set(0, sequenceOf(&Value{Kind: Map, Key: key, Of: unranked(onnxpb.TensorProto_FLOAT)}, count))
}
