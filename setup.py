"""The part of the build that pyproject.toml cannot say: `recipes/` at the top is installed as `sdflow/recipes/`."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["sdflow", "sdflow.*"]), "sdflow.recipes", "sdflow.recipes.assets"],
    package_dir={"sdflow.recipes": "recipes"},
    package_data={
        "sdflow": ["py.typed"],
        "sdflow.models": ["shipped/**/*"],
        "sdflow.recipes": ["*.yaml"],
        "sdflow.recipes.assets": ["*.png", "*.jpg"],
    },
)
