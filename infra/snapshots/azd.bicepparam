using '../azd/main.bicep'

// What `azd up` makes of no answer but name and region: the defaults of ../azd/main.bicepparam.
param environmentName = 'scim'
param location = 'westeurope'
param namePrefix = 'scim'
param zoneRedundant = false
param httpAlwaysReady = 0
param restrictToEntra = false
param networkIsolation = false
param natGateway = false
param adminPrincipalId = ''
param dataAdminPrincipalId = ''
param enableResourceLock = false
param enableAvailabilityTest = false
param enablePurgeProtection = false
param alertEmails = []
param allowedIpCidrs = []
param adminIpCidrs = []
