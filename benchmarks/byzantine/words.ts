/** What the byzantine benchmark says to a person. */
export const byzantineWords = {
  about: () =>
    'what lying hospitals cost, by the rule that combines updates; --task heart|synthetic --rules Krum,median --attacks noise --data DIR (UCI heart disease)',
  ran: ({ task, rule, attack, accuracy }: { task: string; rule: string; attack: string; accuracy: number }) =>
    `${task}, ${rule}, ${attack === '' ? 'nobody lies' : attack}: ${(100 * accuracy).toFixed(1)} %`,
  heading: (task: string, liars: string) =>
    `${task}, ${liars}: accuracy in % on the honest hospitals' test patients after 30 rounds, and in brackets where nobody lies`,
  liars: (each: number, sites: number, coalitions: number) =>
    `${each} of ${sites} hospitals lie${coalitions > 1 ? ', each in turn, the one that costs most is shown' : ''}`,
  rule: () => 'rule',
  accuracies: ({ accuracy, cleanAccuracy }: { accuracy: number; cleanAccuracy: number }) =>
    `${(100 * accuracy).toFixed(1)} (${(100 * cleanAccuracy).toFixed(1)})`,
  best: ({ rule, worstAttack, cost }: { rule: string; worstAttack: string; cost: number }) =>
    `Best: ${rule}. The worst attack (${worstAttack}) leaves it ${cost.toFixed(1)} points below the best rule without liars.`,
  noTask: (name: string) => `There is no task ${name}. There are heart and synthetic.`,
} as const
