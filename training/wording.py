"""What a recipe does, in Spanish sentences for people who do not read its code."""

from training.recipe import (
    Airbench,
    Augmentation,
    Fit,
    Model,
    ResNet,
    Schedule,
    Triangle,
    Views,
)
from training.spanish import number, percent

FLIPS = {
    "none": "sin reflejos",
    "random": "un reflejo horizontal al azar, con probabilidad de un medio",
    "alternating": (
        "un reflejo horizontal alternado: en cada par de épocas, cada imagen se muestra una vez "
        "tal cual y una vez reflejada"
    ),
}
FILLS = {"reflect": "reflejando sus bordes", "constant": "con ceros"}
VIEWS = {
    "single": "Al inferir se mira cada imagen una sola vez.",
    "flip": "Al inferir se promedian los logits de la imagen y de su reflejo.",
    "flip-shift": (
        "Al inferir se promedian los logits de seis vistas: la imagen y dos desplazamientos de un "
        "píxel, cada una también reflejada."
    ),
}


def model_in_words(model: Model) -> str:
    """The architecture."""
    if isinstance(model, Airbench):
        widths = ", ".join(str(width) for width in model.widths)
        return (
            "Red airbench (Jordan 2024, arXiv 2404.00498): una convolución fija de 2×2 que "
            "blanquea los parches, tres bloques de dos convoluciones de 3×3 con "
            f"{widths} filtros y activación {model.activation.upper()}, y una salida lineal "
            f"escalada por {number(model.head_scale, 3)}."
        )
    if isinstance(model, ResNet):
        return (
            f"Red residual ResNet-{model.depth} (He 2015, arXiv 1512.03385): tres etapas de "
            f"bloques residuales, que parten con {model.width} filtros y los doblan en cada etapa."
        )
    return f"Red pequeña de dos convoluciones ({model.width} y {2 * model.width} filtros)."


def augmentation_in_words(augmentation: Augmentation) -> str:
    """How images vary while fitting."""
    words = f"Variación de las imágenes al ajustar: {FLIPS[augmentation.flip]}"
    if not augmentation.translate:
        return f"{words}; sin desplazamientos."
    fill = FILLS[augmentation.fill]
    return (
        f"{words}; y un desplazamiento al azar de hasta {augmentation.translate} píxeles en cada "
        f"dirección, que rellena la imagen {fill}."
    )


def fit_in_words(fit: Fit) -> tuple[str, ...]:
    """How the weights are found, a sentence an idea."""
    sgd = fit.optimiser
    decayed = "" if sgd.decay_biases else " (los sesgos no decaen)"
    sentences = [
        f"{fit.epochs} épocas en lotes de {fit.batch_size} imágenes.",
        (
            f"Descenso de gradiente con momento de Nesterov {number(sgd.momentum, 2)}, tasa de "
            f"aprendizaje máxima {number(sgd.learning_rate, 3)} (por {number(sgd.bias_factor)} "
            f"para los sesgos) y decaimiento de pesos {number(sgd.weight_decay, 6)} por paso a "
            f"la tasa máxima{decayed}."
        ),
        _schedule_in_words(fit.schedule),
    ]
    if fit.label_smoothing:
        sentences.append(
            "Entropía cruzada con etiquetas suavizadas: "
            f"{percent(fit.label_smoothing, 0)} se reparte entre todas las clases."
        )
    else:
        sentences.append("Entropía cruzada.")
    if fit.lookahead:
        sentences.append(
            f"Lookahead: cada {fit.lookahead.every} pasos los pesos vuelven hacia un promedio "
            "lento, con más firmeza hacia el final."
        )
    if fit.whitening_bias_epochs:
        sentences.append(
            "El sesgo de la capa de blanqueo se ajusta sólo durante las primeras "
            f"{fit.whitening_bias_epochs} épocas."
        )
    return tuple(sentences)


def views_in_words(views: Views) -> str:
    """What is averaged when the model is asked."""
    return VIEWS[views]


def _schedule_in_words(schedule: Schedule) -> str:
    if isinstance(schedule, Triangle):
        return (
            f"La tasa sube linealmente desde {percent(schedule.start, 0)} del máximo hasta "
            f"alcanzarlo a {percent(schedule.peak, 0)} de los pasos, y baja linealmente hasta "
            f"{percent(schedule.end, 0)}."
        )
    shares = ", ".join(percent(share, 0) for share in schedule.at)
    return f"La tasa se multiplica por {number(schedule.factor, 2)} a {shares} de los pasos."
