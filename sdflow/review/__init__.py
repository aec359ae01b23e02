"""What a change means: two versions of recipes, compared by their effect. No torch."""
