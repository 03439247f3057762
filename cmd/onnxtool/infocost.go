package main

import (
	"fmt"
	"io"
	"strconv"

	"onnxtool/internal/info"
)

// printCost prints what a run costs, one fact a line.
func printCost(w io.Writer, c *info.Cost) {
	fmt.Fprintf(w, "macs %s\n", costText(c.MACs))
	for _, u := range c.NotCounted {
		fmt.Fprintf(w, "not_counted %s %d: %s\n", u.Op, u.Nodes, u.Why)
	}
	for _, t := range c.Largest {
		in := ""
		if t.Graph != "" {
			in = " in " + t.Graph
		}
		fmt.Fprintf(w, "largest %s %s %s%s\n", t.Name, t.Type, bytesText(t.Bytes), in)
	}
	for _, o := range c.Ops {
		fmt.Fprintf(w, "op %s: %d nodes, macs %s, parameters %s, %s\n", o.Op, o.Nodes, costText(o.MACs), grouped(o.Parameters), bytesText(o.Bytes))
	}
	for _, n := range c.NodeCosts {
		in := ""
		if n.Graph != "" {
			in = " in " + n.Graph
		}
		if n.Output != "" {
			n.Output = " -> " + n.Output
		}
		fmt.Fprintf(w, "cost %s %q%s: macs %s, parameters %s, %s%s\n", n.Op, n.Node, n.Output, costText(n.MACs), grouped(n.Parameters), bytesText(n.Bytes), in)
	}
}

// costText writes a number of multiply-adds with commas; an expression stays as it is.
func costText(s string) string {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return grouped(n)
	}
	return s
}
