/** The SQLSTATE codes this product raises or recognises, by PostgreSQL's own condition names (appendix A). */
export const SQLSTATE = {
  ioError: '58030',
  undefinedFile: '58P01',
  connectionException: '08000',
  sqlclientUnableToEstablishSqlconnection: '08001',
  connectionFailure: '08006',
  protocolViolation: '08P01',
  featureNotSupported: '0A000',
  dataException: '22000',
  characterNotInRepertoire: '22021',
  invalidParameterValue: '22023',
  badCopyFileFormat: '22P04',
  untranslatableCharacter: '22P05',
  invalidAuthorizationSpecification: '28000',
  insufficientPrivilege: '42501',
  syntaxError: '42601',
  undefinedColumn: '42703',
  undefinedObject: '42704',
  duplicateObject: '42710',
  programLimitExceeded: '54000',
  objectNotInPrerequisiteState: '55000',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  internalError: 'XX000',
} as const

export type SqlState = (typeof SQLSTATE)[keyof typeof SQLSTATE]
