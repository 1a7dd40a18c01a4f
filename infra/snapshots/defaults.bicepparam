using '../main.bicep'

// What the button makes of an untouched form.
param repository = 'contoso/entra-scim-functions'
