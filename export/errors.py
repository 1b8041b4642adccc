"""What can go wrong in export, and what the person at the terminal is told.

ExportError
├── NotCalibrated      a run without a temperature of its own, and no run named to take it from
├── ConversionFailed   the graph cannot be made, or is not one that runs everywhere
├── ParityError        the file does not say what the Keras model says
├── AccuracyFell      a quantised graph is right less often than is allowed
└── BundleExists       there is a bundle of that name and version already
"""


class ExportError(Exception):
    """Base of every error that the command line reports as one line and exit code 1."""


class NotCalibrated(ExportError):
    """No temperature and thresholds can be given for this run."""


class ConversionFailed(ExportError):
    """The ONNX graph cannot be made, or is not one that runs everywhere."""


class ParityError(ExportError):
    """The ONNX file and the Keras model give different answers."""


class AccuracyFell(ExportError):
    """A quantised graph is right less often than is allowed."""


class BundleExists(ExportError):
    """The place of the bundle is taken."""
