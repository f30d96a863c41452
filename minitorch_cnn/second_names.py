"""PyTorch's second names of tensor functions: the same objects as under the first names."""

# mt.NAME is mt.OTHER, and the methods of these names are the same.
METHODS = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "divide": "div",
    "fix": "trunc",
    "ger": "outer",
    "greater": "gt",
    "greater_equal": "ge",
    "less": "lt",
    "less_equal": "le",
    "moveaxis": "movedim",
    "multiply": "mul",
    "negative": "neg",
    "not_equal": "ne",
    "subtract": "sub",
    "swapdims": "transpose",
    "true_divide": "div",
}

# mt.NAME is mt.OTHER.
FUNCTIONS = {"concatenate": "cat", "row_stack": "vstack"}
