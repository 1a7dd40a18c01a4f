using '../main.bicep'

// Elastic Premium over zones, with alerts and the probe from outside, and the longest names.
param repository = 'contoso/entra-scim-functions'
param namePrefix = 'abcdefghijk'
param hostingPlan = 'EP1'
param zoneRedundant = true
param alertEmails = ['idm@contoso.example', 'oncall@contoso.example']
param enableAvailabilityTest = true
