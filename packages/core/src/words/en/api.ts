/** What the API says of itself. */
export const apiWords = {
  title: (version: string) => `Wardround coordinator ${version}: API`,
  description: () =>
    'Sites fetch signed tasks and hand in what their hospitals release; researchers publish and watch studies. No patient record crosses it.',
  account: () => 'The secret of an access token.',
  site: () =>
    'Wardround site="…", time="…", nonce="…", signature="…": an Ed25519 signature over method, path, body digest, time, nonce and the coordinator\'s key (docs/protocol.md).',
  success: () => 'Done.',
  failure: () => 'A coded error: what happened, why, and what to do.',
  by: (who: 'anybody' | 'site' | 'account') =>
    ({ anybody: 'open to anybody', site: 'signed by a site', account: 'with an access token' })[who],
  query: () => 'Query',
  body: () => 'Request body',
  answer: () => 'Answer',
  noNetwork: () => "the study's model is a list of layers, and in no file of its own",
}
