/**
 * Logit adjustment (Menon et al. 2021, "Long-tail learning via logit adjustment", eq. 10; with τ = 1 the balanced softmax of Ren et al. 2020): while a site trains, τ·ln π_k is added to the logit of
 * class k, where π_k is the class's share of the records that it trains on. What is rare there is then not learnt as what is rare, but as what it looks like, and the models of hospitals with other
 * classes agree (Zhang et al. 2022, "Federated Learning with Label Distribution Skew via Logits Calibration", whose margin is −τ·n_k^(−1/4)). Predictions are made without.
 */

/**
 * One number for each class. Shares are (n_k + 1) / (n + classes), by Laplace's rule of succession: a class that a site has not is as rare as the site is large, where ln 0, and the margin of Zhang et
 * al., would be −∞, for no record of its own to learn from. `target` holds class indices.
 */
export function adjustmentsOf(
  tau: number,
  { target, classes }: { readonly target: Float32Array; readonly classes: number },
): Float32Array<ArrayBuffer> {
  const counts = new Float64Array(classes)
  for (const label of target) counts[label] = (counts[label] ?? 0) + 1
  return Float32Array.from(counts, (count) => tau * Math.log((count + 1) / (target.length + classes)))
}
