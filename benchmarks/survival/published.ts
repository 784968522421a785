/**
 * FLamby's Fed-TCGA-BRCA (du Terrail et al. 2022): owkin/FLamby at edacf54, flamby/results/results_benchmark_fed_tcga_brca/tcga_seed42.csv to 46. Of each
 * seed the mean over the six centres' C-index, then mean and deviation (n − 1) over the seeds; `own-site local`: each centre by the model that it trained.
 * `flamby.py` beside this file makes them from those files.
 */
export const published = [
  { strategy: 'pooled', mean: 0.6759, sd: 0.0949 },
  { strategy: 'own-site local', mean: 0.6892, sd: 0.0091 },
  { strategy: 'FedAvg', mean: 0.7319, sd: 0.1811 },
  { strategy: 'FedProx', mean: 0.729, sd: 0.1683 },
  { strategy: 'Scaffold', mean: 0.6869, sd: 0.036 },
  { strategy: 'Cyclic', mean: 0.6582, sd: 0.0429 },
  { strategy: 'FedAdagrad', mean: 0.8129, sd: 0.0048 },
  { strategy: 'FedAdam', mean: 0.8152, sd: 0.0256 },
  { strategy: 'FedYogi', mean: 0.8152, sd: 0.0256 },
] as const
