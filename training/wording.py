"""What a recipe does, in Spanish sentences for people who do not read its code."""

from training.recipe import (
    Adam,
    AdamW,
    Augmentation,
    Constant,
    Cosine,
    EarlyStopping,
    EpochSteps,
    Fit,
    LogisticHead,
    Mix,
    NesterovSgd,
    Optimiser,
    Plateau,
    RmsProp,
    Schedule,
    Sgd,
    Triangle,
    Views,
)
from training.run import Beginning, OtherPictures
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
MONITORS = {"val_loss": "la pérdida en validación", "val_accuracy": "la exactitud en validación"}
MIXES = {
    "mixup": "cada imagen se funde con otra del lote, y sus etiquetas también (mixup)",
    "cutmix": "en cada imagen se pega un recuadro de otra, y la etiqueta se reparte (CutMix)",
}


def augmentation_in_words(augmentation: Augmentation) -> str:
    """How images vary while fitting."""
    ways = [FLIPS[augmentation.flip], *_movements(augmentation), _crop(augmentation)]
    if augmentation.rand_augment:
        ways.append(
            f"{augmentation.rand_augment.operations} operaciones al azar de RandAugment, con "
            f"intensidad de hasta {percent(augmentation.rand_augment.magnitude, 0)}"
        )
    if augmentation.focus:
        ways.append("un enfoque al azar, de borroso a más nítido que el original")
    if augmentation.cutout:
        ways.append(f"un cuadrado gris de {augmentation.cutout} píxeles de lado en algún lugar")
    if augmentation.mix:
        ways.append(_mix(augmentation.mix))
    return f"Variación de las imágenes al ajustar: {'; '.join(ways)}."


def beginning_in_words(beginning: Beginning | None) -> tuple[str, ...]:
    """Whose weights the fit began with, where another run gave them."""
    if beginning is None:
        return ()
    said = f"{beginning.recipe}, {beginning.epochs} épocas, semilla {beginning.seed}"
    return (f"Parte de los pesos de otra corrida: {said}.",)


def others_in_words(others: OtherPictures | None) -> tuple[str, ...]:
    """What pictures of other things the fit was shown."""
    if others is None:
        return ()
    said = "Junto a cada lote se mostraron imágenes de otras cosas, para que no se reconozcan"
    kept = "menos la cuarta parte, que se reserva para comprobarlo"
    return (f"{said}: {others.count} reunidas, {kept}.",)


def fit_in_words(fit: Fit) -> tuple[str, ...]:
    """How the weights are found, a sentence an idea."""
    sentences = [_head(fit.head)] if fit.head else []
    if not fit.epochs:
        return tuple(sentences)
    sentences += [
        f"{fit.epochs} épocas en lotes de {fit.batch_size} imágenes.",
        _optimiser(fit.optimiser),
        _schedule(fit.schedule),
    ]
    if fit.planned_epochs:
        sentences.append(
            f"La receta prevé {fit.planned_epochs} épocas: el calendario de esta corrida es el "
            f"suyo en proporción, y sus cifras no son las de la receta completa.",
        )
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
    return (*sentences, *_following(fit))


def _head(head: LogisticHead) -> str:
    return (
        "La última capa se ajusta sola, por regresión logística sobre lo que la red fija ve en "
        f"{head.variants} variantes de cada imagen; la fuerza de su penalización se elige por "
        f"validación cruzada en {head.folds} partes de las imágenes de ajuste."
    )


def views_in_words(views: Views) -> str:
    """What is averaged when the model is asked."""
    return VIEWS[views]


def _movements(augmentation: Augmentation) -> list[str]:
    ways = []
    if augmentation.rotate:
        ways.append(f"un giro de hasta {number(augmentation.rotate)}°")
    if augmentation.shear:
        ways.append(f"una inclinación de hasta {number(augmentation.shear)}°")
    if augmentation.shift:
        ways.append(f"un corrimiento de hasta {percent(augmentation.shift, 0)} de cada lado")
    if augmentation.zoom:
        ways.append(f"un acercamiento o alejamiento de hasta {percent(augmentation.zoom, 0)}")
    return ways


def _crop(augmentation: Augmentation) -> str:
    if not augmentation.translate:
        return "sin desplazamientos por píxeles"
    return (
        f"y un desplazamiento al azar de hasta {augmentation.translate} píxeles en cada "
        f"dirección, que rellena la imagen {FILLS[augmentation.fill]}"
    )


def _mix(mix: Mix) -> str:
    return f"{MIXES[mix.kind]}, con partes según Beta({number(mix.alpha, 1)})"


def _optimiser(optimiser: Optimiser) -> str:
    rate = f"con tasa de aprendizaje {number(optimiser.learning_rate, 5)}"
    match optimiser:
        case NesterovSgd(momentum=momentum, bias_factor=factor, weight_decay=decay):
            decayed = "" if optimiser.decay_biases else " (los sesgos no decaen)"
            return (
                f"Descenso de gradiente con momento de Nesterov {number(momentum, 2)}, tasa de "
                f"aprendizaje máxima {number(optimiser.learning_rate, 3)} (por {number(factor)} "
                f"para los sesgos) y decaimiento de pesos {number(decay, 6)} por paso a "
                f"la tasa máxima{decayed}."
            )
        case AdamW(weight_decay=decay):
            return f"Optimizador AdamW {rate} y decaimiento de pesos {number(decay, 4)}."
        case Adam():
            return f"Optimizador Adam {rate}."
        case RmsProp():
            return f"Optimizador RMSprop {rate}."
        case Sgd(momentum=momentum):
            moved = f" y momento {number(momentum, 2)}" if momentum else ""
            return f"Descenso de gradiente {rate}{moved}."


def _schedule(schedule: Schedule) -> str:
    match schedule:
        case Triangle():
            return (
                f"La tasa sube linealmente desde {percent(schedule.start, 0)} del máximo hasta "
                f"alcanzarlo a {percent(schedule.peak, 0)} de los pasos, y baja linealmente hasta "
                f"{percent(schedule.end, 0)}."
            )
        case EpochSteps():
            epochs = ", ".join(map(str, schedule.at))
            shares = ", ".join(percent(factor, 2) for factor in schedule.factors)
            return f"Desde las épocas {epochs} de {schedule.of}, la tasa es {shares} de la inicial."
        case Cosine():
            warm_up = f"Tras subir durante {percent(schedule.warm_up, 0)} de los pasos, la tasa "
            start = warm_up if schedule.warm_up else "La tasa "
            return f"{start}baja como medio coseno hasta {percent(schedule.end, 0)} del máximo."
        case Constant():
            return "La tasa no cambia."
    shares = ", ".join(percent(share, 0) for share in schedule.at)
    return f"La tasa se multiplica por {number(schedule.factor, 2)} a {shares} de los pasos."


def _following(fit: Fit) -> list[str]:
    sentences = []
    if fit.plateau:
        sentences.append(_plateau(fit.plateau))
    if fit.early_stopping:
        sentences.append(_early_stopping(fit.early_stopping))
    if fit.keep_best:
        sentences.append(
            f"Quedan los pesos de la época con mejor valor de {MONITORS[fit.keep_best]}."
        )
    return sentences


def _plateau(plateau: Plateau) -> str:
    return (
        f"La tasa se multiplica además por {number(plateau.factor, 2)} cada vez que "
        f"{MONITORS[plateau.monitor]} no mejora en {plateau.patience} épocas seguidas."
    )


def _early_stopping(early_stopping: EarlyStopping) -> str:
    return (
        f"El ajuste termina antes si {MONITORS[early_stopping.monitor]} no mejora en "
        f"{early_stopping.patience} épocas seguidas."
    )
