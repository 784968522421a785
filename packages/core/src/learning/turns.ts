/** Which sites a round goes to, where it does not go to all. */
import { permutation, seededRandom } from '../random.ts'

/** From the sites that take part in a study, in order of name, to those that train in round `number` (1 is the first). */
export type Turn = (
  sites: readonly string[],
  round: { readonly number: number; readonly seed: number },
) => readonly string[]

/**
 * Cyclical weight transfer (Chang et al. 2018, "Distributed deep learning networks among institutions for medical imaging"): one site after another.
 * With n sites, rounds kn + 1 … kn + n are a cycle; each has every site once, in order of name or in an order drawn for that cycle.
 */
export const oneAfterAnother =
  (order: 'name' | 'shuffled'): Turn =>
  (sites, { number, seed }) => {
    const cycle = Math.floor((number - 1) / sites.length)
    const place = (number - 1) % sites.length
    const at = order === 'name' ? place : permutation(sites.length, seededRandom([seed, 'cycle', cycle]))[place]
    return sites.filter((_, index) => index === at)
  }
