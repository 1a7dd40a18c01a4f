using '../main.bicep'

// Everything private that can be, spread over zones, locked, and open to named people.
param repository = 'contoso/entra-scim-functions'
param networkIsolation = true
param natGateway = true
param adminIpCidrs = ['203.0.113.7/32', '198.51.100.0/24']
param zoneRedundant = true
param httpAlwaysReady = 1
param deliverAlwaysReady = 1
param updateStrategy = 'RollingUpdate'
param enableResourceLock = true
param logTableWrites = true
param adminPrincipalId = '11111111-1111-1111-1111-111111111111'
param dataReaderPrincipalIds = ['22222222-2222-2222-2222-222222222222', '33333333-3333-3333-3333-333333333333']
param dataAdminPrincipalId = '44444444-4444-4444-4444-444444444444'
