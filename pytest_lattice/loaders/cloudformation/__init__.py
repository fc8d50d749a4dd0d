"""CloudFormation templates: read, evaluated, checked, put into the API's words."""
