"""What the dashboards show: each is a title and its panels, a panel its unit and its queries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Query:
    """One expression, and how its series are called; ``{{label}}`` is a label's value."""

    expression: str
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph over time; ``unit`` is Grafana's identifier of it."""

    title: str
    unit: str
    queries: tuple[Query, ...]
    description: str = ""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A page of graphs; ``uid`` is its address, and never changes."""

    uid: str
    title: str
    panels: tuple[Panel, ...]


_LABELLING: Final = 'job=~"$job",route=~"/|/v1/(models/.+/)?labels(/batch)?|/v2/models/.+/infer"'
_JOB: Final = 'job=~"$job"'
_RATE: Final = "$__rate_interval"


def _quantile(share: str, metric: str, by: str) -> str:
    buckets = f"rate({metric}_bucket{{{_JOB}}}[{_RATE}])"
    return f"histogram_quantile({share}, sum by ({by}, le) ({buckets}))"


SERVICE: Final = Dashboard(
    uid="rotulo-servicio",
    title="Rótulo · Servicio",
    panels=(
        Panel(
            "Réplicas listas",
            "short",
            (
                Query(f"sum by (job) (rotulo_ready{{{_JOB}}})", "listas"),
                Query(f"count by (job) (up{{{_JOB}}})", "conocidas"),
            ),
        ),
        Panel(
            "Solicitudes de etiquetado por estado",
            "reqps",
            (
                Query(
                    f"sum by (status) (rate(rotulo_requests_total{{{_LABELLING},"
                    f'method="POST"}}[{_RATE}]))',
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "Errores 5xx, contra lo prometido (0,1 %)",
            "percentunit",
            (
                Query(f"job:rotulo_errors:ratio_rate5m{{{_JOB}}}", "5 min"),
                Query(f"job:rotulo_errors:ratio_rate1h{{{_JOB}}}", "1 h"),
                Query(f"job:rotulo_errors:ratio_rate3d{{{_JOB}}}", "3 días"),
            ),
        ),
        Panel(
            "Respuestas de más de un segundo, contra lo prometido (1 %)",
            "percentunit",
            (
                Query(f"job:rotulo_slow:ratio_rate5m{{{_JOB}}}", "5 min"),
                Query(f"job:rotulo_slow:ratio_rate1h{{{_JOB}}}", "1 h"),
                Query(f"job:rotulo_slow:ratio_rate3d{{{_JOB}}}", "3 días"),
            ),
        ),
        Panel(
            "Tiempo de una solicitud de etiquetado",
            "s",
            tuple(
                Query(
                    f"histogram_quantile({share}, sum by (le) (rate("
                    f"rotulo_request_duration_seconds_bucket{{{_LABELLING}}}[{_RATE}])))",
                    legend,
                )
                for share, legend in (("0.5", "mitad"), ("0.95", "95 %"), ("0.99", "99 %"))
            ),
        ),
        Panel(
            "Tiempo por etapa (95 %)",
            "s",
            (Query(_quantile("0.95", "rotulo_stage_duration_seconds", "stage"), "{{stage}}"),),
        ),
        Panel(
            "Rechazos por motivo",
            "ops",
            (
                Query(
                    f"sum by (reason) (rate(rotulo_rejections_total{{{_JOB}}}[{_RATE}]))",
                    "{{reason}}",
                ),
            ),
        ),
        Panel(
            "Ejecuciones fallidas del modelo",
            "short",
            (
                Query(
                    f"sum by (instance) (increase(rotulo_failed_batches_total{{{_JOB}}}[{_RATE}]))",
                    "{{instance}}",
                ),
            ),
        ),
    ),
)

QUALITY: Final = Dashboard(
    uid="rotulo-modelo",
    title="Rótulo · Calidad del modelo",
    panels=(
        Panel(
            "Modelo en servicio",
            "short",
            (
                Query(
                    f"count by (model, version, sha256) (rotulo_model_info{{{_JOB}}})",
                    "{{model}}/{{version}} {{sha256}}",
                ),
            ),
            "Réplicas por modelo; más de una línea por modelo es un despliegue a medias.",
        ),
        Panel(
            "Decisiones",
            "percentunit",
            (
                Query(
                    f"sum by (decision) (rate(rotulo_images_total{{{_JOB}}}[{_RATE}])) / ignoring "
                    f"(decision) group_left () sum(rate(rotulo_images_total{{{_JOB}}}[{_RATE}]))",
                    "{{decision}}",
                ),
            ),
        ),
        Panel(
            "Abstenciones: última hora, último día y línea base",
            "percentunit",
            (
                Query(f'model_decision:rotulo_images:share1h{{{_JOB},decision="abstain"}}', "1 h"),
                Query(
                    f'model_decision:rotulo_images:share1d{{{_JOB},decision="abstain"}}', "1 día"
                ),
                Query(
                    f'model_decision:rotulo_baseline:share{{{_JOB},decision="abstain"}}',
                    "línea base",
                ),
            ),
        ),
        Panel(
            "Etiquetas del último día",
            "percentunit",
            (Query(f"model_label:rotulo_best_labels:share1d{{{_JOB}}}", "{{label}}"),),
        ),
        Panel(
            "Etiquetas: diferencia con la línea base",
            "percentunit",
            (
                Query(
                    f"model_label:rotulo_best_labels:share1d{{{_JOB}}} "
                    f"- model_label:rotulo_baseline:share{{{_JOB}}}",
                    "{{label}}",
                ),
            ),
        ),
        Panel(
            "Puntaje de la mejor etiqueta",
            "percentunit",
            tuple(
                Query(_quantile(share, "rotulo_best_score", "model, version"), legend)
                for share, legend in (("0.1", "10 %"), ("0.5", "mitad"), ("0.9", "90 %"))
            ),
        ),
        Panel(
            "Deriva: distancia a la línea base",
            "short",
            (Query(f"model:rotulo_drift:distance1d{{{_JOB}}}", "{{model}} {{kind}}"),),
            "Divergencia de Jensen-Shannon (etiquetas, decisiones) y distancia de "
            "Kolmogorov-Smirnov (puntajes); docs/drift.md.",
        ),
        Panel(
            "Deriva: lo que explica el azar",
            "short",
            (Query(f"model:rotulo_drift:noise1d{{{_JOB}}}", "{{model}} {{kind}}"),),
        ),
    ),
)

CAPACITY: Final = Dashboard(
    uid="rotulo-capacidad",
    title="Rótulo · Capacidad",
    panels=(
        Panel(
            "Imágenes por segundo y réplica",
            "ops",
            (
                Query(
                    f"sum by (instance) (rate(rotulo_images_total{{{_JOB}}}[{_RATE}]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "CPU ocupada, de la que hay",
            "percentunit",
            (
                Query(
                    f"rate(process_cpu_seconds_total{{{_JOB}}}[{_RATE}]) "
                    f"/ rotulo_usable_cores{{{_JOB}}}",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Límites ocupados (media de 5 minutos; alerta en 80 %)",
            "percentunit",
            (Query(f"instance:rotulo_saturation:avg5m{{{_JOB}}}", "{{instance}} {{bound}}"),),
        ),
        Panel(
            "Cola",
            "short",
            (
                Query(f"rotulo_queue_depth{{{_JOB}}}", "{{instance}}"),
                Query(f"rotulo_queue_bound{{{_JOB}}}", "{{instance}} límite"),
            ),
        ),
        Panel(
            "Imágenes por ejecución del modelo",
            "short",
            (
                Query(
                    f"sum by (instance) (rate(rotulo_batch_size_sum{{{_JOB}}}[{_RATE}])) "
                    f"/ sum by (instance) (rate(rotulo_batch_size_count{{{_JOB}}}[{_RATE}]))",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Duración de una ejecución (95 %)",
            "s",
            (
                Query(
                    _quantile("0.95", "rotulo_batch_duration_seconds", "instance"), "{{instance}}"
                ),
            ),
        ),
        Panel(
            "Memoria",
            "bytes",
            (
                Query(f"process_resident_memory_bytes{{{_JOB}}}", "{{instance}}"),
                Query(f"rotulo_in_flight_bytes{{{_JOB}}}", "{{instance}} subidas"),
            ),
        ),
        Panel(
            "Atraso del bucle de eventos (99 %; alerta en 100 ms)",
            "s",
            (Query(f"instance:rotulo_loop_lag_seconds:p99_5m{{{_JOB}}}", "{{instance}}"),),
        ),
    ),
)
