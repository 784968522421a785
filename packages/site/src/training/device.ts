/** What a site computes on: a hospital's choice, and never a study's, since no GPU promises the bits of another machine. */
export const devices = ['cpu', 'webgpu'] as const
export type Device = (typeof devices)[number]

export const isDevice = (text: string | undefined): text is Device => devices.some((device) => device === text)
