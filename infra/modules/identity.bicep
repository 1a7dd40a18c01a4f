// One user-assigned identity: it exists before the app, so every role is assigned before the code arrives.

import { tagsByName } from '../types.bicep'

@description('Name of the identity.')
@minLength(3)
@maxLength(128)
param name string

@description('Azure region.')
param location string

@description('Tags.')
param tags tagsByName

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Client id, by which the SDKs choose this identity.')
output clientId string = identity.properties.clientId
