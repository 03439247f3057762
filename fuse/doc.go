// Package fuse joins models: Merge makes any number of models one, with connections between them; parts are small models of their own (masks,
// gates, normalisation, rotations to angles) to be merged with others; and DMHead joins two head-pose models behind a gate on yaw.
//
// What it is given stays as it is, and what it makes shares the payloads of the tensors. Its results are valid models, the same for the same
// arguments, and come with a surgery.Report of what was done.
package fuse
