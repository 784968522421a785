import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mersenneTwister } from './mersenne-twister.ts'
import { torchLinear, torchStart } from './torch-start.ts'

test('MT19937: the draws that the authors publish, and the one that the C++ standard asks for', () => {
  // mt19937ar.out, init_genrand(5489) being the default seed of std::mt19937: [rand.predef] names its 10,000th draw.
  const draw = mersenneTwister(5489)
  assert.equal(draw(), 3_499_211_612)
  for (let i = 2; i < 10_000; i++) draw()
  assert.equal(draw(), 4_123_659_995)
})

/**
 * From PyTorch 2.15.0:
 * import torch
 * for s in (42, 46): torch.manual_seed(s); l = torch.nn.Linear(13, 1); print(l.weight[0].tolist(), l.bias.tolist())
 */
const fromTorch: Readonly<Record<number, { weight: readonly number[]; bias: number }>> = {
  42: {
    weight: [
      0.2120448350906372, 0.230202779173851, -0.06497549265623093, 0.2547769248485565, -0.06076839938759804,
      0.05596666783094406, -0.13502928614616394, 0.16288290917873383, 0.24449601769447327, -0.203471839427948,
      0.2410716414451599, 0.05190864950418472, 0.20490871369838715,
    ],
    bias: 0.03756168484687805,
  },
  46: {
    weight: [
      0.0893527939915657, -0.24407562613487244, 0.009667271748185158, -0.1888038069009781, 0.14146587252616882,
      0.18805073201656342, -0.23995108902454376, -0.0204593688249588, -0.1954234540462494, -0.07782498747110367,
      0.2400541454553604, -0.2679058015346527, 0.26268118619918823,
    ],
    bias: -0.04947655647993088,
  },
}

test("the first weights are PyTorch's, to the bit", () => {
  for (const [seed, expected] of Object.entries(fromTorch)) assert.deepEqual(torchLinear(Number(seed)), expected)
})

test('in a study, inputs come in alphabetical order: age is the first, trestbps the last', () => {
  const { 'output.kernel': kernel = [], 'output.bias': bias = [] } = torchStart(42)
  const { weight } = torchLinear(42)
  assert.equal(kernel.length, 13)
  // age, chol, cp_2 … and … sex, thalach, trestbps
  assert.deepEqual(kernel.slice(0, 3), [weight[0], weight[3], weight[8]])
  assert.deepEqual(kernel.slice(-3), [weight[1], weight[5], weight[2]])
  assert.deepEqual(bias, [0.03756168484687805])
})
