"""What a bundle says beyond its run, in one place: how photos are shrunk, and what it is called."""

from service.contract import Filter, LocalisedText, Resize

RESIZE = Resize.STRETCH
FILTER = Filter.BILINEAR

# By data set; a data set that is not here needs its titles named.
TITLES = {
    "cifar10": LocalisedText(
        es="Diez clases de vehículos y animales (CIFAR-10)",
        en="Ten kinds of vehicles and animals (CIFAR-10)",
    ),
}
