"""What training takes from the environment: the one place that reads it."""

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class TrainingSettings(BaseSettings):
    """Folders, by `ROTULO_DATA_DIR`, `ROTULO_CACHE_DIR`, `ROTULO_RUNS_DIR`, `ROTULO_WEIGHTS_DIR`.

    `data_dir` holds a local copy of a data set in the Hugging Face Parquet layout; without it the
    public original is fetched into `cache_dir`. `runs_dir` holds the run folders.
    `weights_dir` holds files of weights fitted on ImageNet; without it they are fetched.
    `search_store` (`ROTULO_SEARCH_STORE`) is the address of a store that searches share.
    """

    model_config = SettingsConfigDict(env_prefix="ROTULO_", frozen=True)

    data_dir: Path | None = None
    cache_dir: Path = Path.home() / ".cache" / "rotulo"
    runs_dir: Path = Path("runs")
    weights_dir: Path | None = None
    search_store: SecretStr | None = None
