"""Write tidelake plugins in Python. See README.md, and `Transform`."""

from . import bitmap, schema
from .array import Array
from .error import Error
from .schema import DataType, Field, Schema
from .transform import Batch, Output, Same, Transform, export

__all__ = [
    "Array", "Batch", "DataType", "Error", "Field", "Output", "Same", "Schema", "Transform",
    "bitmap", "export", "schema",
]  # fmt: skip
