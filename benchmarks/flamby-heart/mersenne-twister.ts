/** MT19937 (Matsumoto and Nishimura 1998), seeded as init_genrand(seed): the generator behind torch.manual_seed(). 32-bit draws. */
export function mersenneTwister(seed: number): () => number {
  const [size, middle] = [624, 397]
  const state = new Uint32Array(size)
  state[0] = seed
  for (let i = 1; i < size; i++) {
    const before = state[i - 1] ?? 0
    state[i] = Math.imul(1_812_433_253, before ^ (before >>> 30)) + i
  }
  let next = size
  const twist = (): void => {
    for (let i = 0; i < size; i++) {
      const bits = ((state[i] ?? 0) & 0x80000000) | ((state[(i + 1) % size] ?? 0) & 0x7fffffff)
      state[i] = (state[(i + middle) % size] ?? 0) ^ (bits >>> 1) ^ (bits & 1 ? 0x9908b0df : 0)
    }
    next = 0
  }
  return () => {
    if (next === size) twist()
    let draw = state[next++] ?? 0
    draw ^= draw >>> 11
    draw ^= (draw << 7) & 0x9d2c5680
    draw ^= (draw << 15) & 0xefc60000
    return (draw ^ (draw >>> 18)) >>> 0
  }
}
