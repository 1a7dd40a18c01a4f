"""A SCIM 2.0 service provider for Microsoft Entra ID on Azure Functions."""
