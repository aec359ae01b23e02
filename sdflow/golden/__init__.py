"""Golden pictures: small references beside a recipe, in git, and the recipe's results compared with them. No torch."""
