"""moto server with its signature check put right for requests without a body.

moto hashes the decoded query instead of the empty body where a client sends no
x-amz-content-sha256 (botocore, for every service but S3), and refuses a good signature. A denial it says in XML to clients
of JSON too.
"""

import sys

from moto.core.exceptions import JsonRESTError
from moto.iam import access_control
from moto.server import main

create_request = access_control.IAMRequestBase._create_aws_request


def create_request_of_the_body(self):
    if self._method in ("GET", "HEAD", "DELETE"):
        self._data = {}
    return create_request(self)


raise_access_denied = access_control.IAMRequest._raise_access_denied


def raise_access_denied_in_json(self):
    if "X-Amz-Target" in self._headers:
        raise JsonRESTError("AccessDeniedException", f"{self._access_key.arn} is not authorized to perform: {self._action}")
    raise_access_denied(self)


access_control.IAMRequest._raise_access_denied = raise_access_denied_in_json
access_control.IAMRequestBase._create_aws_request = create_request_of_the_body
main(sys.argv[1:])
