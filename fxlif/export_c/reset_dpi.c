void NAME_dpi_reset(int which)
{
    if (known(which)) NAME_reset(&networks[which]);
}
