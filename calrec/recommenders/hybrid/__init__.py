"""The model and the blend of rules in one sum, the model's weight chosen on earlier purchases."""
