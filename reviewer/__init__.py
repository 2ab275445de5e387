"""The reviewer: asks again for the customers that a newly published market makes due, a few per hour."""
