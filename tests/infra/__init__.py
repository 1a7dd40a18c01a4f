"""Structure tests of the templates, the form and the workflows: what an administrator deploys without reading it."""
