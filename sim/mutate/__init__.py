"""Mutation: would the verification notice a design that is wrong by one small thing?"""
