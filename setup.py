"""The name, the requirements and the source trees of the package.

`kernels/` is beside `minitorch_cnn/` so that readers of the arithmetic find it at a glance, but
it installs as `minitorch_cnn.kernels`: a top-level name `kernels` would overwrite another package.
The exercises of `notebooks/` install as data of `minitorch_cnn.course`, which copies them.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

# In a checkout minitorch_cnn/kernels is a link to kernels/, or a file if git creates no links.
FRAMEWORK = find_packages(
    include=["minitorch_cnn", "minitorch_cnn.*"],
    exclude=["minitorch_cnn.kernels", "minitorch_cnn.kernels.*"],
)
KERNELS = [f"minitorch_cnn.{name}" for name in find_packages(include=["kernels", "kernels.*"])]

COURSE = "minitorch_cnn.course.notebooks"


class Build(build_py):
    """Build the notebooks as data, without the script that writes them."""

    def find_package_modules(self, package, package_dir):
        return [] if package == COURSE else super().find_package_modules(package, package_dir)


def description_of_index() -> str:
    """README.md without images and links to local files, which an index page cannot show."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[[^\]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^\]]*)\]\((?!https?:|#|mailto:)[^)]*\)", r"\1", text)


PLOTS = ["matplotlib>=3.8", "pillow>=10.0"]  # curves.png and confusion.png; reading image files
INTEROP = ["onnx>=1.16", "onnxruntime>=1.18"]
BFLOAT16 = ["ml_dtypes>=0.5"]
DOCS = ["furo>=2025.9", "myst-nb>=1.3", "sphinx>=8.1", "sphinx-copybutton>=0.5.2"]
NOTEBOOKS = ["ipykernel>=6.29", "nbclient>=0.10", "nbformat>=5.10"]  # running them without a page

setup(
    name="minitorch_cnn",
    version="0.2.0",
    description="Convolutional networks with nothing hidden, from the Tensor to the arithmetic",
    long_description=description_of_index(),
    long_description_content_type="text/markdown",
    author="The minitorch_cnn authors",
    license_expression="MIT",
    license_files=["LICENSE"],
    keywords=[
        "automatic differentiation",
        "convolutional neural networks",
        "CUDA",
        "deep learning",
        "education",
        "NumPy",
        "PyTorch",
    ],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Education :: Computer Aided Instruction (CAI)",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=[*FRAMEWORK, *KERNELS, COURSE],
    package_dir={"minitorch_cnn.kernels": "kernels", COURSE: "notebooks"},
    package_data={
        "minitorch_cnn": ["py.typed"],  # the annotations are for users' type checkers, too
        "minitorch_cnn.data.datasets": ["*.npz", "*.md"],
        "minitorch_cnn.analysis.explorer": ["*.html", "*.css", "*.js", "engine/*.js"],
        "minitorch_cnn.analysis.lecture": ["*.html", "*.css", "*.js", "data/*"],
        "minitorch_cnn.kernels": ["**/*.cu", "**/*.h", "**/*.cpp"],
        COURSE: ["*.ipynb"],  # no solutions: students install this
    },
    install_requires=[
        "numba>=0.63; sys_platform != 'emscripten'",  # compiles the kernels; no browser has LLVM
        "numpy>=2.0",
        "safetensors>=0.4.3",
        "threadpoolctl>=3.2",
        "tqdm>=4.66",
    ],
    extras_require={
        "plots": PLOTS,
        "interop": INTEROP,
        "gpu": ["cupy-cuda13x>=13.6", "numba-cuda>=0.20"],
        "mpi": [  # processes that train together; a cluster has its own MPI
            "mpi4py>=4.1",
            "mpich>=4.3; platform_system != 'Windows'",
        ],
        "bfloat16": BFLOAT16,
        "docs": DOCS,  # sphinx-build -W docs site
        "course": PLOTS,  # what the notebooks import, for grading them
        "notebooks": [*PLOTS, *NOTEBOOKS, "jupyterlab>=4.0"],
        "dev": [
            *PLOTS,
            *BFLOAT16,
            *INTEROP,
            *NOTEBOOKS,
            "hypothesis>=6.100",
            "mpi4py>=4.1; platform_system != 'Windows'",
            "mpich>=4.3; platform_system != 'Windows'",
            "nvidia-cuda-nvrtc==13.0.*; platform_system == 'Linux'",  # registers of CUDA kernels
            "pyright[nodejs]==1.1.414",  # types; one version, one set of findings; brings its Node
            "pytest>=8.2",
            "pytest-xdist>=3.6",  # the suite in several processes
            "ruff==0.17.*",  # a newer one may know more rules
            "scipy>=1.11",  # second opinions
            "selenium>=4.20",  # the explorer's page in Chromium, where that is installed
            "setuptools>=77",  # the tests build the package without the network
        ],
    },
    cmdclass={"build_py": Build},
    entry_points={"console_scripts": ["minitorch-cnn = minitorch_cnn.cli:main"]},
)
