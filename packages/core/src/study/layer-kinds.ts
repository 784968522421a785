/** The names of layers. By themselves: a trainer's process starts without the forms of a study. */

/** `activation` stands last: many other kinds have one. */
export const layerKinds = [
  ...(['dense', 'dropout', 'conv1d', 'conv2d', 'conv3d'] as const),
  ...(['conv1dTranspose', 'conv2dTranspose', 'conv3dTranspose', 'depthwiseConv1d', 'depthwiseConv2d'] as const),
  ...(['maxPool1d', 'maxPool2d', 'maxPool3d', 'averagePool1d', 'averagePool2d', 'averagePool3d'] as const),
  ...(['globalMaxPool', 'globalAveragePool', 'adaptiveAveragePool'] as const),
  ...(['flatten', 'reshape', 'permute', 'upsample'] as const),
  ...(['batchNormalization', 'groupNormalization', 'instanceNormalization'] as const),
  ...(['layerNormalization', 'rmsNormalization'] as const),
  ...(['embedding', 'gru', 'lstm', 'selfAttention', 'positionalEncoding'] as const),
  ...(['residual', 'add', 'concat', 'activation'] as const),
] as const
export type LayerKind = (typeof layerKinds)[number]
