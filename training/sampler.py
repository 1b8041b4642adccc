"""What settings a trial tries: TPE, and the same ones again for the same seed and history."""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

# Trials that are drawn by chance before their results count.
STARTUP = 8


class NumberedSampler(BaseSampler):
    """Optuna's tree-structured Parzen estimator (Bergstra 2011), seeded by each trial's number.

    So processes that share a study never draw the same, and a search that was stopped draws what
    an unbroken one would have drawn.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._sampler = self._of(0)

    def _of(self, number: int) -> TPESampler:
        return TPESampler(
            n_startup_trials=STARTUP, seed=self.seed * 1_000_003 + number, constant_liar=True
        )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Begin anew with the trial's own random numbers."""
        self._sampler = self._of(trial.number)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As TPE has it."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As TPE has it."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> object:
        """As TPE has it."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """As TPE has it."""
        self._sampler.after_trial(study, trial, state, values)
