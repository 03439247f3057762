package headpose

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// angles are the three angles of a pose.
var angles = [3]string{"yaw", "roll", "pitch"}

// ParseOrder reads an order of the three angles, such as "yaw,pitch,roll".
func ParseOrder(s string) ([3]string, error) {
	var order [3]string
	fields := strings.Split(s, ",")
	for i, f := range fields {
		f = strings.ToLower(strings.TrimSpace(f))
		if len(fields) != 3 || !slices.Contains(angles[:], f) || slices.Contains(order[:i], f) {
			return order, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is not an order of the three angles", s), Hint: "for example yaw,pitch,roll"}
		}
		order[i] = f
	}
	return order, nil
}
