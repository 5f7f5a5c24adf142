/* The exponential moving mean of a curve, corrected for its start at zero: weight 0 leaves the curve as it is. */
function smoothed(values, weight) {
  let mean = 0, mass = 0;
  return values.map((v) => {
    if (v == null) return v;
    mean = weight * mean + (1 - weight) * v;
    mass = weight * mass + (1 - weight);
    return mean / mass;
  });
}
